"""Verifies an envelope with securesystemslib and validates its statement with in-toto-attestation.

statement.py PUBLIC_KEY_FILE ENVELOPE_FILE        prints the name and digest of each subject
"""

import json
import sys
from pathlib import Path

import in_toto_attestation.v1.statement_pb2 as pb
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

key, text = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes()
envelope = Envelope.from_dict(json.loads(text))
envelope.verify([SSlibKey.from_crypto(load_pem_public_key(key))], 1)
statement = Statement.copy_from_pb(json_format.Parse(envelope.payload, pb.Statement()))
statement.validate()
for subject in statement.pb.subject:
    print(subject.digest["sha256"], subject.name)
