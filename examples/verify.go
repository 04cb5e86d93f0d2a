// Verifies a license, or a DSSE document, of mintage. Needs Go 1.16 or later and no module.
//
//	go run examples/verify.go license  keys.example/vendor.pub license.lic acme
//	go run examples/verify.go document keys.example/vendor.pub keyring.json application/vnd.mintage.keyring+json
//
// Exits with 0 for yes, 1 for no and 3 when it could not be told, as mintage does; `go run` itself turns both of the
// last into 1, so a script runs what `go build` made.
package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"
)

// refused is a no; it holds mintage's code for the reason.
type refused string

func (code refused) Error() string { return string(code) }

func verifyLicense(key ed25519.PublicKey, text, tenant string, now int64) ([]byte, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 2 {
		return nil, refused("malformed")
	}
	payload, ok := unbase64(parts[0])
	signature, fine := unbase64(parts[1])
	if !ok || !fine {
		return nil, refused("malformed")
	}
	// Over the bytes as sent, before anything in them is believed.
	if !ed25519.Verify(key, payload, signature) {
		return nil, refused("bad-signature")
	}
	// A struct would also take "EXP" for "exp". Of members that stand twice the last is taken; mintage refuses them, and
	// only the vendor could sign such a text.
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil || claims == nil {
		return nil, refused("malformed")
	}
	kind, activation, name, nbf, grace := "license", "none", "", int64(0), int64(0)
	exp, iat := int64(-1), int64(-1)
	wanted := map[string]interface{}{"typ": &kind, "activation": &activation, "tenantId": &name, "nbf": &nbf,
		"gracePeriodDays": &grace, "exp": &exp, "iat": &iat}
	for member, value := range claims {
		if target, ok := wanted[member]; ok && (string(value) == "null" || json.Unmarshal(value, target) != nil) {
			return nil, refused("malformed")
		}
	}
	if _, bound := claims["fingerprint"]; bound || claims["crit"] != nil || kind != "license" {
		return nil, fmt.Errorf("the license asks for more than this example judges")
	}
	switch {
	case exp < 0 || iat < 0 || nbf < 0 || grace < 0 || grace > 3650 || exp > 253402300799:
		return nil, refused("malformed")
	case activation != "none":
		return nil, refused("proof-required")
	case name != tenant:
		return nil, refused("wrong-tenant")
	case now < nbf:
		return nil, refused("not-yet-valid")
	case now < iat-300:
		return nil, refused("clock-behind")
	case now > exp+grace*86400:
		return nil, refused("expired")
	case now > exp:
		return []byte("GRACE\n"), nil
	}
	return []byte("ACTIVE\n"), nil
}

func verifyDocument(key ed25519.PublicKey, text, payloadType string) ([]byte, error) {
	var envelope struct {
		Payload, PayloadType string
		Signatures           []struct{ Sig string }
	}
	if json.Unmarshal([]byte(text), &envelope) != nil {
		return nil, refused("malformed")
	}
	if envelope.PayloadType != payloadType {
		return nil, refused("wrong-kind")
	}
	payload, ok := unbase64(envelope.Payload)
	if !ok {
		return nil, refused("malformed")
	}
	signed := fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	// Any one signature will do; its keyid is a hint and decides nothing.
	for _, entry := range envelope.Signatures {
		signature, ok := unbase64(entry.Sig)
		if !ok {
			return nil, refused("malformed")
		}
		if ed25519.Verify(key, []byte(signed), signature) {
			return payload, nil
		}
	}
	return nil, refused("bad-signature")
}

// unbase64 takes padded, canonical base64 only; the decoder alone passes over line ends, even when it is strict.
func unbase64(text string) ([]byte, bool) {
	data, err := base64.StdEncoding.DecodeString(text)
	return data, err == nil && base64.StdEncoding.EncodeToString(data) == text
}

func verify(mode, keyFile, document, expected string) ([]byte, error) {
	data, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", keyFile)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s is no Ed25519 key", keyFile)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return nil, err
	}
	if mode == "license" {
		return verifyLicense(key, strings.TrimSpace(string(text)), expected, time.Now().Unix())
	}
	return verifyDocument(key, string(text), expected)
}

func main() {
	if len(os.Args) != 5 || (os.Args[1] != "license" && os.Args[1] != "document") {
		fmt.Fprintln(os.Stderr, "usage: verify license|document KEY FILE TENANT|TYPE")
		os.Exit(2)
	}
	answer, err := verify(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if _, no := err.(refused); no {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	if err == nil {
		_, err = os.Stdout.Write(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "could not tell:", err)
		os.Exit(3)
	}
}
