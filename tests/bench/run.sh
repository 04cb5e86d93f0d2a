#!/bin/sh
# Measures mintage beside its peers, in turns, and prints one table. Nothing here is a test: a ratio that misses its
# target is printed as such and fails nothing.
#
#   tests/bench/run.sh              quick: some minutes
#   tests/bench/run.sh --full       the sizes that the targets name
#   tests/bench/run.sh --install    installs the peers first (Debian, root)
#   tests/bench/run.sh --backends   runs the library's tests with each of the three curve backends instead
set -eu
cd "$(dirname "$0")/../.."

sign_count=40000 rows=40000 lines=100000 rounds=5 starts=200
for argument; do
    case $argument in
    --full) sign_count=200000 rows=200000 lines=1000000 starts=1000 ;;
    --install) apt-get install -y minisign openssl python3 musl-tools && rustup target add x86_64-unknown-linux-musl ;;
    --backends)
        for backend in serial simd avx512; do
            RUSTFLAGS="--cfg curve25519_dalek_backend=\"$backend\"" \
                cargo test --lib --no-default-features --features vendor --target-dir "target/backend-$backend"
        done
        exit ;;
    *) sed -n 's/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done

has() { command -v "$1" >/dev/null 2>&1; }
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --release --quiet
cargo build --release --quiet --manifest-path tests/bench/peers/Cargo.toml --target-dir "$target/peers"
peers=$target/peers/release/peers
# Measured as installed: what a linker has just written lies in the page cache in small pieces, and starts more slowly
# than any copy of it.
mintage=$work/mintage static=
cp "$target/release/mintage" "$mintage"
if rustup target list --installed 2>/dev/null | grep -q linux-musl; then
    # As the README has it.
    cargo build --release --quiet --target x86_64-unknown-linux-musl --target-dir "$target/static" \
        --config "target.'cfg(unix)'.rustflags=['-C','relocation-model=static']"
    static=$work/mintage-static
    cp "$target/static/x86_64-unknown-linux-musl/release/mintage" "$static"
fi
if ! grep -qs avx512ifma /proc/cpuinfo; then
    echo 'no IFMA here: curve arithmetic runs on another backend than the targets were set for'
fi

# The key is the published example; a copy, since a checkout leaves it readable by others.
cp keys.example/* "$work"
chmod 600 "$work"/*.key
awk -v rows="$lines" 'BEGIN {
    print "licenseId,tenantId,iat,exp,gracePeriodDays,label,product,limits.max_apps,limits.max_environments,features,meta.order"
    for (i = 0; i < rows; i++)
        printf "fd3a8f2a-1c44-4eac-aa07-%012d,tenant-%05d,1777197600,1798761600,14,Acme Production %d,suite,%d,3,reports audit export,A-%07d\n",
            i, i % 5000, i % 100, 25 + i % 7, i
}' >"$work/all.csv"
head -n $((rows + 1)) "$work/all.csv" >"$work/rows.csv"
"$mintage" mint --quiet --batch "$work/all.csv" --key "$work/vendor.key" --output "$work/minted.jsonl"
sed 's/.*"token":/{"token":/' "$work/minted.jsonl" >"$work/good.jsonl"
# Every tenth line is bad: its signature's first characters are another's.
awk 'NR % 10 { print; next } { sub(/\.[^"][^"][^"][^"]/, ".AAAA"); print }' "$work/good.jsonl" >"$work/bad.jsonl"
head -n $((lines / 10)) "$work/good.jsonl" >"$work/tenth.jsonl"
head -n 1 "$work/good.jsonl" | sed 's/.*:"//; s/".*//' >"$work/one.lic"

line='%-46s %10s %10s %7s %7s %6s %s\n'
# shellcheck disable=SC2059
row() { printf "$line" "$@"; }
# Prints a row: what, ours, peer, ratio, CPU ratio, target (at most).
judge() { row "$1" "$2" "$3" "$4" "$5" "$6" "$(awk -v r="$4" -v t="$6" 'BEGIN { print (r <= t) ? "ok" : "MISSED" }')"; }
# Races two commands: NAME TARGET ROUNDS OURS… --- PEER…
race() {
    name=$1 at_most=$2 count=$3
    shift 3
    "$peers" race "$count" "$@" | { read -r ours peer ratio cpu; judge "$name" "$ours s" "$peer s" "$ratio" "$cpu" "$at_most"; }
}
peak() { "$peers" peak "$@"; }

row what ours peer ratio cpu target 'ok?'

cargo bench --quiet --bench verify -- --quick 2>/dev/null >"$work/criterion"
sed -n 's/^ratio \([0-9.]*\) \(.*\) \/ .*/\1 \2/p' "$work/criterion" | while read -r ratio name; do
    case $name in *first*) at_most=1 ;; *) at_most=0.80 ;; esac
    judge "$name / dalek verify_strict" - - "$ratio" - "$at_most"
done

verify="--trust $work/vendor.pub --at 2026-06-01 --quiet"
# shellcheck disable=SC2086
if has minisign; then
    minisign -G -W -f -p "$work/minisign.pub" -s "$work/minisign.key" >/dev/null
    minisign -S -s "$work/minisign.key" -m "$work/one.lic" >/dev/null
    peer="minisign -V -q -p $work/minisign.pub -m $work/one.lic"
    race 'mintage verify / minisign -V' 1.1 "$starts" "$mintage" verify "$work/one.lic" $verify --- $peer
    [ -z "$static" ] || race 'the same, static' 0.6 "$starts" "$static" verify "$work/one.lic" $verify --- $peer
fi
# shellcheck disable=SC2086
for program in "$mintage" $static; do
    kib=$(peak "$program" verify "$work/one.lic" $verify)
    row "peak memory of ${program##*/}" "$kib KiB" - - - '4 MiB' "$([ "$kib" -le 4096 ] && echo ok || echo MISSED)"
done

batch() { echo "verify $verify --force --output $work/verdicts.jsonl --batch $work/$1.jsonl"; }
# shellcheck disable=SC2046
{
    race "verify --batch, $lines lines / dalek loop" 0.71 "$rounds" "$mintage" $(batch good) \
        --- "$peers" lines "$work/good.jsonl" "$work/vendor.pub" "$work/peer"
    race 'one bad line in ten / all good' 1.1 "$rounds" "$mintage" $(batch bad) --- "$mintage" $(batch good)
    all=$(peak "$mintage" $(batch good)) tenth=$(peak "$mintage" $(batch tenth))
    judge 'peak memory, all lines / a tenth of them' "$all KiB" "$tenth KiB" \
        "$(awk -v a="$all" -v t="$tenth" 'BEGIN { printf "%.3f", a / t }')" - 1.1
    # The bad file's verdicts, by the loop over single tokens: what the batch must have said of each.
    "$mintage" $(batch bad) || true
    for number in $(awk -v n="$lines" 'BEGIN { for (i = 1; i <= n; i += int(n / 50) + 1) print i, i + 9 - i % 10 }'); do
        [ "$number" -le "$lines" ] || continue
        sed -n "$number{s/.*:\"//;s/\".*//;p;q}" "$work/bad.jsonl" >"$work/single.lic"
        "$mintage" verify "$work/single.lic" $verify --json >"$work/single.json" 2>/dev/null || true
        # A batch says nothing of repairs where there were none.
        sed -i 's/"repairs":\[\],//' "$work/single.json"
        sed -n "$number{s/\"line\":[0-9]*,//;p;q}" "$work/verdicts.jsonl" | cmp -s - "$work/single.json" ||
            echo "line $number: the batch and the single door disagree"
    done
}

# shellcheck disable=SC2086
race "mint --batch, $rows rows / raw dalek signing" 1.11 "$rounds" \
    "$mintage" mint --quiet --force --key "$work/vendor.key" --batch "$work/rows.csv" --output "$work/out.jsonl" \
    --- "$peers" sign "$rows"

# A whole process each: OpenSSL takes what mintage writes (scrypt N=2^14 r=8 p=5).
if has openssl; then
    race 'opening a scrypt key / openssl pkey' 0.7 "$((rounds * 4))" \
        "$mintage" inspect "$work/locked.key" --passphrase-file "$work/locked.passphrase" \
        --- openssl pkey -in "$work/locked.key" -passin "file:$work/locked.passphrase" -noout
fi
if has python3; then
    race 'the same / scrypt alone, through hashlib' 0.7 "$((rounds * 4))" \
        "$mintage" inspect "$work/locked.key" --passphrase-file "$work/locked.passphrase" \
        --- python3 -S -c 'import _hashlib; _hashlib.scrypt(b"x", salt=b"y" * 16, n=16384, r=8, p=5, maxmem=1 << 26)'
fi

echo
grep -A1 '^\(token\|signature\)/' "$work/criterion" | grep 'time:' | sed 's/ *time: */  /' || true
