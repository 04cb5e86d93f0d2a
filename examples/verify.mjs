// Verifies a license of mintage, or the signature of its proofs and other documents. Needs Node 18 or later, no package.
//
//     node examples/verify.mjs keys.example/vendor.pub license.lic acme
//     node examples/verify.mjs keys.example/vendor.pub proof.json application/vnd.mintage.proof+json
//
// Exit status 0 is a yes, and nothing else is. What only `mintage verify` checks stands in examples/README.md.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

function unbase64(text) {
  const data = Buffer.from(text, "base64"); // which passes over whatever it does not know
  if (data.toString("base64") !== text) throw new Error("malformed");
  return data;
}

function license(key, text, tenant, now = Math.floor(Date.now() / 1000)) {
  const [payload, signature, more] = text.split(".").map(unbase64);
  // Over the bytes as sent, before anything in them is believed.
  if (more || !verify(null, payload, key, signature)) throw new Error("bad-signature");
  const claims = JSON.parse(payload);
  const { exp, iat, nbf = 0, gracePeriodDays = 0, tenantId, typ = "license", activation = "none" } = claims;
  if (typ !== "license" || activation !== "none" || "crit" in claims || "fingerprint" in claims)
    throw new Error("the license asks for more than is judged here");
  if (![exp, iat, nbf, gracePeriodDays].every(Number.isSafeInteger)) throw new Error("malformed");
  if (tenantId !== tenant || now < Math.max(nbf, iat - 300)) throw new Error("for another tenant, or not yet valid");
  if (now > exp + gracePeriodDays * 86400) throw new Error("expired");
  return now <= exp ? "ACTIVE\n" : "GRACE\n";
}

function document(key, text, type) {
  const { payload: encoded, payloadType, signatures } = JSON.parse(text);
  const payload = unbase64(encoded);
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  // With the type that is expected; the keyid of a signature is a hint and decides nothing.
  if (payloadType !== type || !signatures.some(({ sig }) => verify(null, signed, key, unbase64(sig))))
    throw new Error("wrong-kind or bad-signature");
  return payload;
}

const [keyFile, file, expected] = process.argv.slice(2);
const [key, text] = [createPublicKey(readFileSync(keyFile)), readFileSync(file, "utf8").trim()];
process.stdout.write((text.startsWith("{") ? document : license)(key, text, expected));
