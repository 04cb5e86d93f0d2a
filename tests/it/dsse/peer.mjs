// Signs DSSE envelopes with @sigstore/core and verifies them with @sigstore/verify, found in NODE_MODULES. The latter knows
// envelopes inside a bundle only, so one is put around them.
//
// peer.mjs NODE_MODULES verify PUBLIC_KEY_FILE ENVELOPE_FILE        prints the payload
// peer.mjs NODE_MODULES sign   PRIVATE_KEY_FILE PAYLOAD_FILE TYPE   prints an envelope

import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, verb, keyFile, file, payloadType] = process.argv.slice(2);
const require = createRequire(join(modules, "peer.mjs"));
const { dsse } = require("@sigstore/core");

if (verb === "verify") {
  const { bundleFromJSON } = require("@sigstore/bundle");
  const { PublicKeyDetails } = require("@sigstore/protobuf-specs");
  const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");
  const envelope = JSON.parse(readFileSync(file, "utf8"));
  const hint = envelope.signatures[0].keyid;
  const bundle = bundleFromJSON({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
    dsseEnvelope: envelope,
  });
  const rawBytes = createPublicKey(readFileSync(keyFile)).export({ type: "spki", format: "der" });
  const keys = { [hint]: { rawBytes, keyDetails: PublicKeyDetails.PKIX_ED25519 } };
  const nobody = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const verifier = new Verifier(toTrustMaterial(nobody, keys), {
    ctlogThreshold: 0,
    tlogThreshold: 0,
    timestampThreshold: 0,
  });
  verifier.verify(toSignedEntity(bundle));
  process.stdout.write(Buffer.from(envelope.payload, "base64"));
} else {
  const payload = readFileSync(file);
  const sig = sign(null, dsse.preAuthEncoding(payloadType, payload), createPrivateKey(readFileSync(keyFile)));
  const signatures = [{ sig: sig.toString("base64"), keyid: "" }];
  console.log(JSON.stringify({ payloadType, payload: payload.toString("base64"), signatures }));
}
