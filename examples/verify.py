#!/usr/bin/env python3
"""Verifies a license of mintage, or the signature of its proofs and other documents. Needs `pip install cryptography`.

    python3 examples/verify.py keys.example/vendor.pub license.lic acme
    python3 examples/verify.py keys.example/vendor.pub proof.json application/vnd.mintage.proof+json

Exit status 0 is a yes, and nothing else is. What only `mintage verify` checks stands in examples/README.md.
"""

import base64
import json
import sys
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def unbase64(text):  # encoded again, because most decoders take several spellings of the same bytes
    data = base64.b64decode(text, validate=True)
    return data if base64.b64encode(data).decode() == text else sys.exit("refused: malformed")


def license(key, text, tenant, now=int(time.time())):
    payload, signature = map(unbase64, text.split("."))
    key.verify(signature, payload)  # over the bytes as sent, before anything in them is believed
    claims = json.loads(payload)
    needs_more = claims.get("typ", "license") != "license" or claims.get("activation", "none") != "none"
    if needs_more or {"crit", "fingerprint"} & claims.keys():
        sys.exit("refused: the license asks for more than is judged here")
    if claims["tenantId"] != tenant or now < max(claims.get("nbf", 0), claims["iat"] - 300):
        sys.exit("refused: for another tenant, or not yet valid")
    if now > claims["exp"] + claims.get("gracePeriodDays", 0) * 86400:
        sys.exit("refused: expired")
    return b"ACTIVE\n" if now <= claims["exp"] else b"GRACE\n"


def document(key, text, kind):
    envelope = json.loads(text)
    payload = unbase64(envelope["payload"])
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)  # with the type that is expected
    for signature in envelope["signatures"] if envelope["payloadType"] == kind else []:
        try:
            key.verify(unbase64(signature["sig"]), signed)  # its keyid is a hint and decides nothing
            return payload
        except InvalidSignature:
            continue
    sys.exit("refused: wrong-kind or bad-signature")


key_file, file, expected = sys.argv[1:]
key, text = load_pem_public_key(open(key_file, "rb").read()), open(file).read().strip()
sys.stdout.buffer.write((document if text.startswith("{") else license)(key, text, expected))
