"""Signs and verifies DSSE envelopes with securesystemslib.

peer.py verify PUBLIC_KEY_FILE ENVELOPE_FILE        prints the payload
peer.py sign   PRIVATE_KEY_FILE PAYLOAD_FILE TYPE   prints an envelope
"""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

verb, key, text = sys.argv[1], Path(sys.argv[2]).read_bytes(), Path(sys.argv[3]).read_bytes()
if verb == "verify":
    envelope = Envelope.from_dict(json.loads(text))
    envelope.verify([SSlibKey.from_crypto(load_pem_public_key(key))], 1)
    sys.stdout.buffer.write(envelope.payload)
else:
    envelope = Envelope(text, sys.argv[4], {})
    envelope.sign(CryptoSigner(load_pem_private_key(key, None)))
    print(json.dumps(envelope.to_dict(), indent=1))
