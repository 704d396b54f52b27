package lightbits

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"storagesim/internal/refusal"
)

// checkPayload refuses a payload that is not of the type.
func checkPayload(t CredsType, payload []byte) error {
	var err error
	switch t {
	case CredsRS256PubKey:
		_, err = parsePublicKey(payload)
	case CredsTLSCertChainPem:
		err = checkCertChain(payload)
	case CredsTLSPrivKeyPem:
		err = checkPrivateKey(payload)
	default:
		return refusal.New(refusal.InvalidArgument, "the credential type is missing: %s, %s or %s is expected",
			CredsRS256PubKey, CredsTLSCertChainPem, CredsTLSPrivKeyPem)
	}
	if err != nil {
		return refusal.New(refusal.InvalidArgument, "the payload is not of type %s: %s", t, err.Error())
	}
	return nil
}

func checkCertChain(payload []byte) error {
	block, rest := pem.Decode(payload)
	if block == nil {
		return errors.New("it is not PEM")
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("its PEM block is a %s; CERTIFICATE is expected", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("its certificate cannot be read: %w", err)
		}
	}
	return nil
}

func checkPrivateKey(payload []byte) error {
	block, _ := pem.Decode(payload)
	if block == nil {
		return errors.New("it is not PEM")
	}
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		_, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		_, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		_, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("its PEM block is a %s; PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY is expected",
			block.Type)
	}
	return err
}

// minKeyBits is the minimum size of an RSA key; crypto/rsa verifies no signature of a smaller one.
const minKeyBits = 1024

// parsePublicKey reads the RSA key of a credential. PEM blocks of type PUBLIC KEY and RSA PUBLIC KEY may hold either a
// PKIX or a PKCS #1 key, since clients send both; of a CERTIFICATE its key is used (facts/lightbits.md 3.2). The error
// is not a refusal.
func parsePublicKey(payload []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(payload)
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		if key, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		}
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	default:
		return nil, fmt.Errorf("its PEM block is a %s; PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE is expected",
			block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("its PEM block %s holds no key: %w", block.Type, err)
	}
	public, ok := key.(*rsa.PublicKey)
	switch {
	case !ok:
		return nil, fmt.Errorf("its key is a %T; an RSA key is expected", key)
	case public.N.BitLen() < minKeyBits:
		return nil, fmt.Errorf("its RSA key has %d bits; at least %d are needed", public.N.BitLen(), minKeyBits)
	}
	return public, nil
}
