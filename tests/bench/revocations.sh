#!/usr/bin/env bash
# How long `verify --revocations` takes with a list of 1,000,000 entries beside reading that list and checking its
# signature alone (the peer `envelope`: serde_json, base64, dalek), in turn. Prints the medians, their ratio, which may be
# at most 3, and the most memory that either needed beside the length of the file.
#
# usage: tests/bench/revocations.sh [PROGRAM] [ROUNDS]      exits 1 when the ratio is over its bound
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
program=$(realpath "${1:-$target/release/mintage}")
rounds=${2:-7}
cargo build --release --quiet --manifest-path tests/bench/peers/Cargo.toml --target-dir "$target/peers"
peers=$target/peers/release/peers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp keys.example/vendor.{key,pub} "$work"
chmod 600 "$work/vendor.key"
# The list is made by hand from its documentation and signed by OpenSSL, so that nothing here is measured with itself.
python3 - "$work" <<'PY'
import base64, hashlib, json, subprocess, sys
work = sys.argv[1]
ids = sorted(hashlib.sha256(b"license-%d" % n).hexdigest() for n in range(1_000_000))
entries = [{"at": 1777197600, "id": id, "reason": "refund"} for id in ids]
fields = {"entries": entries, "issuedAt": 1777197600, "nextUpdate": 253402300799, "sequence": 1}
payload = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
kind = b"application/vnd.mintage.revocations+json"
with open(f"{work}/signed", "wb") as file:
    file.write(b"DSSEv1 %d %s %d " % (len(kind), kind, len(payload)) + payload)
sign = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", f"{work}/vendor.key", "-in", f"{work}/signed"]
signature = base64.b64encode(subprocess.run(sign, check=True, capture_output=True).stdout).decode()
envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": kind.decode(), "signatures": [{"sig": signature}]}
with open(f"{work}/list.json", "w") as file:
    json.dump(envelope, file, separators=(",", ":"))
PY
rm "$work/signed"
"$program" -q mint --key "$work/vendor.key" --tenant acme --expires never --issued-at 2026-01-01 -o "$work/one.lic"

ours=("$program" verify "$work/one.lic" --trust "$work/vendor.pub" --at 2026-06-01 --revocations "$work/list.json")
peer=("$peers" envelope "$work/list.json" "$work/vendor.pub")
"${ours[@]}" >"$work/answer" 2>&1 || { cat "$work/answer" >&2; exit 1; }
read -r seconds peer_seconds ratio work_ratio < <("$peers" race "$rounds" "${ours[@]}" --- "${peer[@]}")
printf 'mintage %.3f s   read and checked %.3f s   ratio %s (at most 3)   processor time %s\n' \
    "$seconds" "$peer_seconds" "$ratio" "$work_ratio"
printf 'peak memory: mintage %d MiB   read and checked %d MiB   the file %d MiB\n' "$(($("$peers" peak "${ours[@]}") >> 10))" \
    "$(($("$peers" peak "${peer[@]}") >> 10))" "$(($(stat -c %s "$work/list.json") >> 20))"
awk -v ratio="$ratio" 'BEGIN { exit ratio > 3 }'
