#!/usr/bin/env bash
# How long `mint manifest` takes beside OpenSSL hashing the same files, warm, in turn, on two cores. Prints three ratios of
# the best rounds:
#
#   many    10,000 files of 4 to 64 KiB   beside xargs -P2 openssl dgst   at most 0.80
#   medium  2 GiB in files of 4 MiB       beside xargs -P2 openssl dgst   at most 0.80
#   one     one file of 2 GiB             beside openssl dgst             at most 0.95
#
# usage: tests/bench/manifest.sh [PROGRAM] [ROUNDS]      needs 5 GB below TMPDIR; exits 1 when a ratio is over its bound
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/mintage}")
rounds=${2:-9}
key=$PWD/keys.example/ci.key
trees=$(mktemp -d)
trap 'rm -rf "$trees"' EXIT

make_trees() {
    python3 - "$trees" <<'PY'
import os, random, sys
root = sys.argv[1]
draw = random.Random(1)
def fill(path, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        while size > 0:
            size -= file.write(os.urandom(min(size, 1 << 20)))
for n in range(10_000):
    fill(f"{root}/many/{n // 1000}/{n // 100 % 10}/{n}", draw.randint(4 << 10, 64 << 10))
for n in range(512):
    fill(f"{root}/medium/{n}", 4 << 20)
fill(f"{root}/one/file", 2 << 30)
PY
    for tree in many medium one; do find "$trees/$tree" -type f -print0 | sort -z >"$trees/$tree.list"; done
}

ours() {
    "$program" -q mint manifest "$trees/$1" --key "$key" --allow-readable-key --product bench --version 1 >/dev/null
}

peer() {
    case $1 in
        many) xargs -0 -P2 -n500 openssl dgst -sha256 -r <"$trees/many.list" >/dev/null ;;
        # 500 of the 512 would leave the second process nothing to do.
        medium) xargs -0 -P2 -n256 openssl dgst -sha256 -r <"$trees/medium.list" >/dev/null ;;
        one) openssl dgst -sha256 -r "$trees/one/file" >/dev/null ;;
    esac
}

# Prints the time that a run took and the time that processors worked for it, in milliseconds.
timed() {
    local TIMEFORMAT='%R %U %S'
    { time "$@"; } 2>&1 | awk '{ printf "%d %d\n", $1 * 1000, ($2 + $3) * 1000 }'
}

# Noise only ever adds, so the least of each column counts.
best() { awk 'NR == 1 || $1 < a { a = $1 } NR == 1 || $2 < b { b = $2 } END { print a, b }'; }

ratio() { awk -v ours="$1" -v theirs="$2" 'BEGIN { printf "%.2f", ours / theirs }'; }

make_trees
grep -qw sha_ni /proc/cpuinfo 2>/dev/null || echo "note: no SHA instructions here; both sides hash in portable code"
over=0
for tree in many medium one; do
    bound=0.80
    [ "$tree" != one ] || bound=0.95
    ours "$tree"
    peer "$tree"
    : >"$trees/ours"
    : >"$trees/peer"
    for _ in $(seq "$rounds"); do
        timed ours "$tree" >>"$trees/ours"
        timed peer "$tree" >>"$trees/peer"
    done
    read -r our_wall our_work < <(best <"$trees/ours")
    read -r peer_wall peer_work < <(best <"$trees/peer")
    wall=$(ratio "$our_wall" "$peer_wall")
    printf '%-7s mintage %5d ms   openssl %5d ms   ratio %s (at most %s)   processor time %s\n' \
        "$tree" "$our_wall" "$peer_wall" "$wall" "$bound" "$(ratio "$our_work" "$peer_work")"
    awk -v wall="$wall" -v bound="$bound" 'BEGIN { exit wall > bound }' || over=1
done
exit "$over"
