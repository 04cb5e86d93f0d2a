// Verifies a license of mintage, or the signature of its proofs and other documents. Needs Go 1.18 or later, no module.
//
//	go run examples/verify.go keys.example/vendor.pub license.lic acme
//	go run examples/verify.go keys.example/vendor.pub proof.json application/vnd.mintage.proof+json
//
// Exit status 0 is a yes, and nothing else is. What only `mintage verify` checks stands in examples/README.md.
package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"os"
	"strings"
	"time"
)

func must(ok bool, reason string) {
	if !ok {
		log.Fatal("refused: ", reason)
	}
}

func unbase64(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text) // which passes over line ends
	must(err == nil && base64.StdEncoding.EncodeToString(data) == text, "malformed")
	return data
}

func license(key ed25519.PublicKey, text, tenant string, now int64) string {
	encoded, signature, _ := strings.Cut(text, ".")
	payload := unbase64(encoded) // the signature is over these bytes as sent; nothing in them is believed before
	must(ed25519.Verify(key, payload, unbase64(signature)), "bad-signature")
	var c struct {
		Exp, Iat, Nbf, GracePeriodDays int64
		TenantId, Typ, Activation      string
		Crit, Fingerprint              json.RawMessage
	}
	must(json.Unmarshal(payload, &c) == nil, "malformed")
	alone := (c.Typ == "" || c.Typ == "license") && (c.Activation == "" || c.Activation == "none")
	must(alone && c.Crit == nil && c.Fingerprint == nil, "the license asks for more than is judged here")
	must(c.TenantId == tenant && now >= c.Nbf && now >= c.Iat-300, "for another tenant, or not yet valid")
	must(now <= c.Exp+c.GracePeriodDays*86400, "expired")
	return map[bool]string{true: "ACTIVE\n", false: "GRACE\n"}[now <= c.Exp]
}

func document(key ed25519.PublicKey, text, kind string) string {
	var e struct {
		Payload, PayloadType string
		Signatures           []struct{ Sig string }
	}
	must(json.Unmarshal([]byte(text), &e) == nil && e.PayloadType == kind, "malformed, or wrong-kind")
	payload, verified := unbase64(e.Payload), false
	signed := fmt.Sprintf("DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
	for _, signature := range e.Signatures { // its keyid is a hint and decides nothing
		verified = verified || ed25519.Verify(key, []byte(signed), unbase64(signature.Sig))
	}
	must(verified, "bad-signature")
	return string(payload)
}

func main() {
	key, err := os.ReadFile(os.Args[1])
	must(err == nil, "no key")
	file, err := os.ReadFile(os.Args[2])
	must(err == nil, "no document")
	block, _ := pem.Decode(key)
	public, _ := x509.ParsePKIXPublicKey(block.Bytes)
	if text := strings.TrimSpace(string(file)); strings.HasPrefix(text, "{") {
		fmt.Print(document(public.(ed25519.PublicKey), text, os.Args[3]))
	} else {
		fmt.Print(license(public.(ed25519.PublicKey), text, os.Args[3], time.Now().Unix()))
	}
}
