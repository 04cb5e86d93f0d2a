// Ed25519 keys and license tokens with the crypto module of Node.js.

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const opened = (path, passphrase) => createPrivateKey({ key: readFileSync(path), passphrase: passphrase || undefined });
const spki = (key) => createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");

const verbs = {
  probe: () => {},
  make: (path, passphrase) => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const sealing = passphrase ? { cipher: "aes-256-cbc", passphrase } : {};
    writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem", ...sealing }), { flag: "wx" });
    console.log(spki(privateKey));
  },
  open: (path, passphrase) => console.log(spki(opened(path, passphrase))),
  sign: (path, passphrase, file) => {
    const payload = readFileSync(file);
    const signature = sign(null, payload, opened(path, passphrase));
    console.log(`${payload.toString("base64")}.${signature.toString("base64")}`);
  },
  verify: (path, token) => {
    const [payload, signature] = token.split(".").map((part) => Buffer.from(part, "base64"));
    console.log(verify(null, payload, createPublicKey(readFileSync(path)), signature) ? "valid" : "refused");
  },
};

const [verb, ...rest] = process.argv.slice(2);
verbs[verb](...rest);
