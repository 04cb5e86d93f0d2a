// Verifies a Sigstore bundle with @sigstore/verify, found in NODE_MODULES.
//
// bundle.mjs NODE_MODULES PUBLIC_KEY_FILE BUNDLE_FILE        prints the payload

import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, keyFile, file] = process.argv.slice(2);
const require = createRequire(join(modules, "bundle.mjs"));
const { bundleFromJSON } = require("@sigstore/bundle");
const { PublicKeyDetails } = require("@sigstore/protobuf-specs");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const bundle = bundleFromJSON(JSON.parse(readFileSync(file, "utf8")));
const rawBytes = createPublicKey(readFileSync(keyFile)).export({ type: "spki", format: "der" });
const hint = bundle.verificationMaterial.content.publicKey.hint;
const keys = { [hint]: { rawBytes, keyDetails: PublicKeyDetails.PKIX_ED25519 } };
const nobody = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const none = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 };
new Verifier(toTrustMaterial(nobody, keys), none).verify(toSignedEntity(bundle));
process.stdout.write(bundle.content.dsseEnvelope.payload);
