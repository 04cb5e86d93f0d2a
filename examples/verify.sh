#!/bin/sh
# Verifies a license of mintage, or the signature of its proofs and other documents. Needs OpenSSL 3 and jq.
#
#     sh examples/verify.sh keys.example/vendor.pub license.lic acme
#     sh examples/verify.sh keys.example/vendor.pub proof.json application/vnd.mintage.proof+json
#
# Exit status 0 is a yes, and nothing else is. What only `mintage verify` checks stands in examples/README.md.
set -eu
key=$1 file=$2 expected=$3 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
no() { echo "refused: $1" >&2; exit 1; }

unbase64() { # unbase64 TEXT FILE; encoded again, because openssl passes over what it does not know
    printf %s "$1" | openssl base64 -d -A >"$2" && [ "$(openssl base64 -A <"$2")" = "$1" ] || no malformed
}
signed() { # signed FILE SIGNATURE
    unbase64 "$2" "$work/sig"
    openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$1" -sigfile "$work/sig" >/dev/null 2>&1
}

text=$(cat "$file")
case $text in
{*) # a document: the type that is expected is signed with it, and the keyid of a signature decides nothing
    [ "$(jq -r .payloadType "$file")" = "$expected" ] || no wrong-kind
    unbase64 "$(jq -r .payload "$file")" "$work/payload"
    { printf 'DSSEv1 %d %s %d ' "${#expected}" "$expected" "$(wc -c <"$work/payload")"; cat "$work/payload"; } >"$work/message"
    for signature in $(jq -r '.signatures[].sig' "$file"); do
        if signed "$work/message" "$signature"; then cat "$work/payload"; exit; fi
    done
    no bad-signature ;;
*) # a license: the signature is over the bytes of the payload as sent, and nothing in them is believed before
    unbase64 "${text%.*}" "$work/payload"
    signed "$work/payload" "${text#*.}" || no bad-signature
    jq -r --arg tenant "$expected" '(now | floor) as $now | ((.gracePeriodDays // 0) * 86400) as $grace
        | if ([.exp, .iat, .nbf // 0, $grace] | any(type != "number")) then error("malformed")
          elif has("crit") or has("fingerprint") or (.typ // "license") != "license" or (.activation // "none") != "none"
          then error("the license asks for more than is judged here")
          elif .tenantId != $tenant or $now < (.nbf // 0) or $now < .iat - 300
          then error("for another tenant, or not yet valid")
          elif $now > .exp + $grace then error("expired") elif $now > .exp then "GRACE" else "ACTIVE" end' "$work/payload" ;;
esac
