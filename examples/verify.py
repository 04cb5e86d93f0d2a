#!/usr/bin/env python3
"""Verifies a license, or a DSSE document, of mintage. Needs `pip install cryptography`.

    python3 examples/verify.py license  keys.example/vendor.pub license.lic acme
    python3 examples/verify.py document keys.example/vendor.pub keyring.json application/vnd.mintage.keyring+json

Exits with 0 for yes, 1 for no and 3 when it could not be told, as mintage does.
"""

import base64
import binascii
import json
import sys
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key


class Refused(Exception):
    """The answer is no; holds mintage's code for the reason."""


def verify_license(key, text, tenant, now):
    parts = text.split(b".")
    if len(parts) != 2:
        raise Refused("malformed")
    payload, signature = map(unbase64, parts)
    key.verify(signature, payload)  # over the bytes as sent, before anything in them is believed
    claims = parse(payload)
    if claims.get("typ", "license") != "license" or {"crit", "fingerprint"} & claims.keys():
        raise NotImplementedError("the license asks for more than this example judges")
    if claims.get("activation", "none") != "none":
        raise Refused("proof-required")
    expires, issued = integer(claims, "exp"), integer(claims, "iat")
    starts, grace = integer(claims, "nbf", 0), integer(claims, "gracePeriodDays", 0)
    if grace > 3650:
        raise Refused("malformed")
    if claims.get("tenantId") != tenant:
        raise Refused("wrong-tenant")
    if now < starts or now < issued - 300:
        raise Refused("not-yet-valid" if now < starts else "clock-behind")
    if now > expires + grace * 86400:
        raise Refused("expired")
    return b"ACTIVE\n" if now <= expires else b"GRACE\n"


def verify_document(key, text, payload_type):
    envelope = parse(text)
    if envelope["payloadType"] != payload_type:
        raise Refused("wrong-kind")
    payload, kind = unbase64(envelope["payload"].encode()), payload_type.encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    for signature in envelope["signatures"]:  # any one will do; its keyid is a hint and decides nothing
        try:
            key.verify(unbase64(signature["sig"].encode()), signed)
            return payload
        except InvalidSignature:
            continue
    raise Refused("bad-signature")


def unbase64(text):
    """Padded, canonical base64 only: one signature must not have many spellings."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data) != text:
        raise Refused("malformed")
    return data


def parse(text):
    """Refuses members that stand twice, which `json` would take the last of and another reader the first."""

    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise Refused("duplicate-member")
        return dict(pairs)

    value = json.loads(text, object_pairs_hook=once)
    if not isinstance(value, dict):
        raise Refused("malformed")
    return value


def integer(claims, name, default=None):
    value = claims.get(name, default)
    if type(value) is not int or value < 0:  # `isinstance` would take True for 1
        raise Refused("malformed")
    return value


def main(mode, key_file, document, expected):
    with open(key_file, "rb") as file:
        key = load_pem_public_key(file.read())
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError(f"{key_file} is no Ed25519 key")
    with open(document, "rb") as file:
        text = file.read().strip()
    try:
        if mode == "license":
            return verify_license(key, text, expected, int(time.time()))
        return verify_document(key, text, expected)
    except InvalidSignature:
        raise Refused("bad-signature") from None
    except (AttributeError, binascii.Error, KeyError, TypeError, ValueError) as error:
        raise Refused("malformed") from error


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("license", "document"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        sys.stdout.buffer.write(main(*sys.argv[1:]))
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:  # an uncaught one would exit with 1, which says no
        print(f"could not tell: {error}", file=sys.stderr)
        sys.exit(3)
