"""Ed25519 keys and license tokens with the `cryptography` package."""

import base64
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def private(path, passphrase):
    with open(path, "rb") as file:
        return form.load_pem_private_key(file.read(), passphrase.encode() or None)


def spki(key):
    der = key.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def main(verb, *arguments):
    if verb == "probe":
        return
    if verb == "make":
        path, passphrase = arguments
        sealing = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
        key = Ed25519PrivateKey.generate()
        with open(path, "xb") as file:
            file.write(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, sealing))
        print(spki(key))
    elif verb == "open":
        print(spki(private(*arguments)))
    elif verb == "sign":
        key, passphrase, payload = arguments
        with open(payload, "rb") as file:
            payload = file.read()
        signature = private(key, passphrase).sign(payload)
        print(base64.b64encode(payload).decode() + "." + base64.b64encode(signature).decode())
    elif verb == "verify":
        public, token = arguments
        with open(public, "rb") as file:
            public = form.load_pem_public_key(file.read())
        payload, signature = (base64.b64decode(part, validate=True) for part in token.split("."))
        try:
            public.verify(signature, payload)
            print("valid")
        except InvalidSignature:
            print("refused")


main(*sys.argv[1:])
