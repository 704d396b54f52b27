package lightbits

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// samples are payloads of every form, by name.
func samples(t *testing.T) map[string][]byte {
	t.Helper()
	key := keys()[0]
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ecPublic, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	require.NoError(t, err)
	ecPrivate, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	weak := *key
	weak.N = big.NewInt(1<<62 + 1)
	return map[string][]byte{
		"pkix":          block("PUBLIC KEY", pkix),
		"pkix as rsa":   block("RSA PUBLIC KEY", pkix),
		"pkcs1":         block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)),
		"certificate":   block("CERTIFICATE", cert),
		"chain":         append(block("CERTIFICATE", cert), block("CERTIFICATE", cert)...),
		"chain and key": append(block("CERTIFICATE", cert), block("PRIVATE KEY", pkcs8)...),
		"ec public":     block("PUBLIC KEY", ecPublic),
		"weak":          block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&weak.PublicKey)),
		"broken":        block("PUBLIC KEY", []byte("no key")),
		"pkcs8":         block("PRIVATE KEY", pkcs8),
		"pkcs1 private": block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		"ec private":    block("EC PRIVATE KEY", ecPrivate),
		"broken key":    block("PRIVATE KEY", []byte("no key")),
		"text":          []byte("ssh-rsa AAAA"),
	}
}

func TestCreateCredential_Payloads(t *testing.T) {
	s := newServer(t)
	payloads := samples(t)
	n := 0
	for kind, words := range map[CredsType]map[string]string{
		CredsRS256PubKey: {
			"pkix": "", "pkix as rsa": "", "pkcs1": "", "certificate": "",
			"ec public": "an RSA key is expected", "weak": "at least 1024", "broken": "holds no key", "pkcs8": "is a PRIVATE KEY", "text": "not PEM",
		},
		CredsTLSCertChainPem: {
			"certificate": "", "chain": "", "pkix": "is a PUBLIC KEY", "chain and key": "is a PRIVATE KEY", "text": "not PEM",
		},
		CredsTLSPrivKeyPem: {
			"pkcs8": "", "pkcs1 private": "", "ec private": "", "broken key": "the payload is not of type TlsPrivKeyPem", "certificate": "is a CERTIFICATE", "text": "not PEM",
		},
		CredsUnknownType: {"pkix": "type is missing"},
	} {
		for name, want := range words {
			n++
			body := fmt.Sprintf(`{"ID":"c%d","type":%q,"payload":%q}`, n, kind, base64.StdEncoding.EncodeToString(payloads[name]))
			status, answer := s.do(http.MethodPost, "/api/v2/projects/default/credentials", admin, body)
			if want == "" {
				require.Equal(t, 200, status, "%s %s: %s", kind, name, answer)
				continue
			}
			require.Equal(t, 400, status, "%s %s: %s", kind, name, answer)
			require.Contains(t, answer, want, "%s %s", kind, name)
		}
	}
}

func TestCredentials(t *testing.T) {
	s := newServer(t)
	payload := base64.StdEncoding.EncodeToString(publicPEM(t, keys()[0]))
	create := func(id, kind, payload string) (int, string) {
		return s.do(http.MethodPost, "/api/v2/projects/default/credentials", admin, fmt.Sprintf(`{"ID":%q,"type":%s,"payload":%q}`, id, kind, payload))
	}
	status, body := create("root", "1", payload)
	require.Equal(t, 200, status, body)
	require.JSONEq(t, `{"projectName":"default","ID":"root","type":"RS256PubKey","payload":"`+payload+`"}`, body)
	_, got := s.do(http.MethodGet, "/api/v2/projects/default/credentials/root", admin, "")
	require.Equal(t, body, got)
	for name, c := range map[string]struct {
		status  int
		id      string
		payload string
		words   string
	}{
		"again": {409, "root", payload, "already exists"}, "no ID": {400, "", payload, "ID is missing"},
		"bad ID": {400, "a:b", payload, "illegal characters"}, "long ID": {400, strings.Repeat("a", 254), payload, "illegal characters"},
		"no payload": {400, "x", "", "payload is missing"}, "no base64": {400, "x", "%", "payload"},
	} {
		status, body := create(c.id, `"RS256PubKey"`, c.payload)
		require.Equal(t, c.status, status, "%s: %s", name, body)
		require.Contains(t, body, c.words, name)
	}
	status, body = s.do(http.MethodPost, "/api/v2/projects/none/credentials", admin, `{"ID":"x","type":1,"payload":"`+payload+`"}`)
	require.Equal(t, 400, status, body)

	status, body = create("another", "1", payload)
	require.Equal(t, 200, status, body)
	_, body = s.do(http.MethodGet, "/api/v2/projects/default/credentials", admin, "")
	var list listCredentialsResponse
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list.Credentials, 2)
	require.Equal(t, "another", list.Credentials[0].ID)
	require.Equal(t, "root", list.Credentials[1].ID)
	_, body = s.do(http.MethodGet, "/api/v2/projects/system/credentials", admin, "")
	require.Equal(t, `{}`, body)

	for path, want := range map[string]int{
		"none/credentials": 400, "none/credentials/root": 404, "default/credentials/none": 404, "default/credentials/": 400, "system/credentials/root": 404,
	} {
		status, body := s.do(http.MethodGet, "/api/v2/projects/"+path, admin, "")
		require.Equal(t, want, status, "%s: %s", path, body)
	}
}

func TestDeleteCredential(t *testing.T) {
	s := newServer(t, withSeed(func(s *Service, tx *store.Tx) error {
		for id, kind := range map[string]CredsKind{"mine": CredsUserCreds, "beacon": CredsBeaconCreds} {
			if err := s.seedCredential(tx, Credential{ProjectName: "default", ID: id, Type: CredsTLSPrivKeyPem, Payload: []byte("x"), Kind: kind}); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, c := range []struct {
		path   string
		match  string
		status int
	}{
		{"default/credentials/none", "", 404}, {"none/credentials/mine", "", 404}, {"default/credentials/", "", 400},
		{"default/credentials/beacon", "", 400}, {"default/credentials/mine", "7", 412}, {"default/credentials/mine", "1", 200},
		{"default/credentials/mine", "", 404},
	} {
		status, body := s.do(http.MethodDelete, "/api/v2/projects/"+c.path, admin, "", "If-Match: "+c.match)
		require.Equal(t, c.status, status, "%s: %s", c.path, body)
	}
	_, body := s.do(http.MethodGet, "/api/v2/projects/default/credentials/beacon", admin, "")
	require.Contains(t, body, `"kind":"BeaconCreds"`)
}
