#!/bin/sh
# Verifies a license, or a DSSE document, of mintage. Needs OpenSSL 3, sed and grep.
#
#     sh examples/verify.sh license  keys.example/vendor.pub license.lic acme
#     sh examples/verify.sh document keys.example/vendor.pub keyring.json application/vnd.mintage.keyring+json
#
# Exits with 0 for yes, 1 for no and 3 when it could not be told, as mintage does.
set -u
export LC_ALL=C

refused() { echo "refused: $1" >&2; exit 1; }
untold() { echo "could not tell: $1" >&2; exit 3; }

# unbase64 TEXT FILE: padded, canonical base64 only.
unbase64() {
    printf %s "$1" | openssl base64 -d -A >"$2" 2>/dev/null || refused malformed
    [ -n "$1" ] && [ "$(openssl base64 -A <"$2")" = "$1" ] || refused malformed
}

# signed FILE: whether the signature in $work/sig belongs to the bytes in FILE.
signed() {
    [ "$(wc -c <"$work/sig")" -eq 64 ] || return 1
    case $(openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$1" -sigfile "$work/sig" 2>/dev/null) in
        *"Verified Successfully"*) return 0 ;;
        *"Verification Failure"*) return 1 ;;
        *) untold "openssl cannot verify here" ;;
    esac
}

# There is no JSON in a shell, and hunting for `"exp":` in a text would also find what stands inside another member. So
# this is all of a payload in the one spelling that mintage writes, from the first brace to the last; any other spelling,
# and any member that this example does not judge, is answered with 3.
s='"([^"\\]|\\["\\])*"' n='(0|[1-9][0-9]{0,11})'
features="\"features\":\[($s,?)*\]," limits="\"limits\":\{($s:[0-9]+,?)*\}," meta="\"meta\":\{($s:$s,?)*\},"
claims="\{\"exp\":$n,($features)?\"gracePeriodDays\":$n,\"iat\":$n,(\"kid\":$s,)?(\"label\":$s,)?\"licenseId\":$s,$limits"
claims="$claims(\"maintenanceUntil\":$n,)?(\"maxActivations\":[0-9]+,)?($meta)?(\"nbf\":$n,)?(\"product\":$s,)?"
claims="$claims(\"seats\":[0-9]+,)?\"tenantId\":$s(,\"tier\":$s)?\}"

# claim NAME DEFAULT: a number of the license; what holds names that the vendor chose is cut out first.
claim() {
    value=$(sed -E "s/$limits//; s/$meta//" "$work/payload" | sed -nE "s/.*[{,]\"$1\":([0-9]+),.*/\1/p")
    echo "${value:-$2}"
}

license() { # license TEXT TENANT
    case $1 in *.*.* | *[!A-Za-z0-9+/=.]*) refused malformed ;; *.*) ;; *) refused malformed ;; esac
    unbase64 "${1%.*}" "$work/payload"
    unbase64 "${1#*.}" "$work/sig"
    # Over the bytes as sent, before anything in them is believed.
    signed "$work/payload" || refused bad-signature
    [ "$(head -c 1 "$work/payload")" = "{" ] || refused malformed
    [ "$(tr -d -c '\000\n' <"$work/payload" | wc -c)" -eq 0 ] && grep -aEqx "$claims" "$work/payload" ||
        untold "the license asks for more than this example judges"
    now=$(date +%s)
    [ "$(claim gracePeriodDays 0)" -le 3650 ] || refused malformed
    case $2 in *[[:cntrl:]]*) refused wrong-tenant ;; esac
    # Quoted as JSON quotes; no string of the payload can hold this, because a quote inside one stands behind a `\`.
    tenant="\"tenantId\":\"$(printf %s "$2" | sed 's/["\\]/\\&/g')\""
    sed -E "s/$limits//; s/$meta//" "$work/payload" | grep -aFq "$tenant" || refused wrong-tenant
    [ "$now" -ge "$(claim nbf 0)" ] || refused not-yet-valid
    [ "$now" -ge $(($(claim iat 0) - 300)) ] || refused clock-behind
    if [ "$now" -le "$(claim exp 0)" ]; then
        echo ACTIVE
    elif [ "$now" -le $(($(claim exp 0) + $(claim gracePeriodDays 0) * 86400)) ]; then
        echo GRACE
    else
        refused expired
    fi
}

document() { # document TEXT TYPE
    case $1 in
        *\\*) untold "the envelope is spelled with escapes, which this example does not read" ;;
        {*) ;;
        *) refused malformed ;;
    esac
    [ "$(printf %s "$1" | members payloadType)" = "$2" ] || refused wrong-kind
    unbase64 "$(printf %s "$1" | members payload)" "$work/payload"
    { printf 'DSSEv1 %d %s %d ' "${#2}" "$2" "$(wc -c <"$work/payload")" && cat "$work/payload"; } >"$work/message"
    # Any one signature will do; its keyid is a hint and decides nothing.
    for signature in $(printf %s "$1" | members sig); do
        unbase64 "$signature" "$work/sig"
        if signed "$work/message"; then
            cat "$work/payload" || untold "the payload could not be written"
            exit 0
        fi
    done
    refused bad-signature
}

# members NAME: the values of all members of that name, one a line; two of one name are then no text that is expected.
members() {
    grep -aoE "\"$1\"[[:space:]]*:[[:space:]]*\"[^\"]*\"" | sed -E 's/^"[^"]*"[[:space:]]*:[[:space:]]*"(.*)"$/\1/'
}

[ $# -eq 4 ] || { echo "usage: verify.sh license|document KEY FILE TENANT|TYPE" >&2; exit 2; }
mode=$1 key=$2
openssl pkeyutl -help 2>&1 | grep -q -e -rawin || untold "this is no OpenSSL 3"
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT || untold "there is no room for temporary files"
[ "$(openssl pkey -pubin -in "$key" -noout -text 2>/dev/null | head -n 1)" = "ED25519 Public-Key:" ] ||
    untold "$key is no Ed25519 key"
text=$(cat "$3") || untold "$3 could not be read"
text=$(printf %s "$text" | sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//')
case $mode in
    license) license "$text" "$4" ;;
    document) document "$text" "$4" ;;
    *) echo "usage: verify.sh license|document KEY FILE TENANT|TYPE" >&2; exit 2 ;;
esac
