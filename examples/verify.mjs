// Verifies a license, or a DSSE document, of mintage. Needs Node 18 or later and no package.
//
//     node examples/verify.mjs license  keys.example/vendor.pub license.lic acme
//     node examples/verify.mjs document keys.example/vendor.pub keyring.json application/vnd.mintage.keyring+json
//
// Exits with 0 for yes, 1 for no and 3 when it could not be told, as mintage does.

import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

/** The answer is no; the message is mintage's code for the reason. */
class Refused extends Error {}

function verifyLicense(key, text, tenant, now) {
  const parts = text.split(".");
  if (parts.length !== 2) throw new Refused("malformed");
  const [payload, signature] = parts.map(unbase64);
  // Over the bytes as sent, before anything in them is believed.
  if (!verify(null, payload, key, signature)) throw new Refused("bad-signature");
  const claims = parse(payload.toString());
  if ((claims.typ ?? "license") !== "license" || "crit" in claims || "fingerprint" in claims)
    throw new Error("the license asks for more than this example judges");
  if ((claims.activation ?? "none") !== "none") throw new Refused("proof-required");
  const { exp, iat, nbf = 0, gracePeriodDays = 0 } = claims;
  if (![exp, iat, nbf, gracePeriodDays].every((number) => Number.isSafeInteger(number) && number >= 0))
    throw new Refused("malformed");
  if (gracePeriodDays > 3650) throw new Refused("malformed");
  if (claims.tenantId !== tenant) throw new Refused("wrong-tenant");
  if (now < nbf) throw new Refused("not-yet-valid");
  if (now < iat - 300) throw new Refused("clock-behind");
  if (now > exp + gracePeriodDays * 86400) throw new Refused("expired");
  return now <= exp ? "ACTIVE\n" : "GRACE\n";
}

function verifyDocument(key, text, payloadType) {
  const envelope = parse(text);
  if (envelope.payloadType !== payloadType) throw new Refused("wrong-kind");
  if (!Array.isArray(envelope.signatures)) throw new Refused("malformed");
  const payload = unbase64(envelope.payload);
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  const signed = Buffer.concat([Buffer.from(head), payload]);
  // Any one signature will do; its keyid is a hint and decides nothing.
  if (!envelope.signatures.some((signature) => verify(null, signed, key, unbase64(signature?.sig))))
    throw new Refused("bad-signature");
  return payload;
}

/** Padded, canonical base64 only; `Buffer.from` alone passes over whatever it does not know. */
function unbase64(text) {
  const data = Buffer.from(String(text), "base64");
  if (data.toString("base64") !== text) throw new Refused("malformed");
  return data;
}

/** Of members that stand twice `JSON.parse` takes the last; mintage refuses them, and only the vendor could sign one. */
function parse(text) {
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: refused below.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Refused("malformed");
  return value;
}

const [mode, keyFile, document, expected] = process.argv.slice(2);
try {
  if (expected === undefined || !["license", "document"].includes(mode)) {
    console.error("usage: verify.mjs license|document KEY FILE TENANT|TYPE");
    process.exit(2);
  }
  const key = createPublicKey(readFileSync(keyFile));
  if (key.asymmetricKeyType !== "ed25519") throw new Error(`${keyFile} is no Ed25519 key`);
  const text = readFileSync(document, "utf8").trim();
  const now = Math.floor(Date.now() / 1000);
  process.stdout.write(
    mode === "license" ? verifyLicense(key, text, expected, now) : verifyDocument(key, text, expected),
  );
} catch (error) {
  // An uncaught one would exit with 1, which says no.
  const no = error instanceof Refused;
  console.error(`${no ? "refused" : "could not tell"}: ${error.message}`);
  process.exitCode = no ? 1 : 3;
}
