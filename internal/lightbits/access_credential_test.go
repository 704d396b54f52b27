package lightbits

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
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

// samples returns payloads of all forms, by name.
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
			"ec public": "an RSA key is expected", "weak": "at least 1024", "broken": "holds no key",
			"pkcs8": "is a PRIVATE KEY", "text": "not PEM",
		},
		CredsTLSCertChainPem: {
			"certificate": "", "chain": "", "pkix": "is a PUBLIC KEY", "chain and key": "is a PRIVATE KEY",
			"text": "not PEM",
		},
		CredsTLSPrivKeyPem: {
			"pkcs8": "", "pkcs1 private": "", "ec private": "",
			"broken key": "the payload is not of type TlsPrivKeyPem", "certificate": "is a CERTIFICATE", "text": "not PEM",
		},
		CredsUnknownType: {"pkix": "type is missing"},
	} {
		for name, want := range words {
			n++
			body := fmt.Sprintf(`{"ID":"c%d","type":%q,"payload":%q}`, n, kind,
				base64.StdEncoding.EncodeToString(payloads[name]))
			t.Run(fmt.Sprintf("%s: %s", kind, name), func(t *testing.T) {
				status, answer := s.do(http.MethodPost, "/api/v2/projects/default/credentials", admin, body)
				if want == "" {
					require.Equal(t, 200, status, answer)
					return
				}
				require.Equal(t, 400, status, answer)
				require.Contains(t, answer, want)
			})
		}
	}
}

func TestCreateCredential(t *testing.T) {
	s := newServer(t)
	payload := base64.StdEncoding.EncodeToString(publicPEM(t, keys()[0]))
	create := func(project, id, kind, payload string) (int, string) {
		return s.do(http.MethodPost, "/api/v2/projects/"+project+"/credentials", admin,
			fmt.Sprintf(`{"ID":%q,"type":%s,"payload":%q}`, id, kind, payload))
	}
	s.run("type by number", func(t *testing.T) {
		status, body := create("default", "root", "1", payload)
		require.Equal(t, 200, status, body)
		require.JSONEq(t, `{"projectName":"default","ID":"root","type":"RS256PubKey","payload":"`+payload+`"}`, body)
		require.Equal(t, body, s.ok(http.MethodGet, "/api/v2/projects/default/credentials/root", ""))
	})
	for name, c := range map[string]struct {
		status               int
		project, id, payload string
		words                string
	}{
		"existing ID":       {409, "default", "root", payload, "already exists"},
		"no ID":             {400, "default", "", payload, "ID is missing"},
		"invalid ID":        {400, "default", "a:b", payload, "illegal characters"},
		"ID too long":       {400, "default", strings.Repeat("a", 254), payload, "illegal characters"},
		"no payload":        {400, "default", "x", "", "payload is missing"},
		"payload no base64": {400, "default", "x", "%", "payload"},
		"unknown project":   {400, "none", "x", payload, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := create(c.project, c.id, `"RS256PubKey"`, c.payload)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.words)
		})
	}
}

// seedCredentials seeds credentials of the project default.
func seedCredentials(list ...Credential) option {
	return withSeed(func(s *Service, tx *store.Tx) error {
		for _, c := range list {
			c.ProjectName, c.Type, c.Payload = "default", CredsTLSPrivKeyPem, []byte("x")
			if err := s.seedCredential(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestListCredentials_ByID(t *testing.T) {
	s := newServer(t, seedCredentials(Credential{ID: "root"}, Credential{ID: "another"}))
	list := decodeWire[listCredentialsResponse](t, s, "/api/v2/projects/default/credentials")
	require.Len(t, list.Credentials, 2)
	require.Equal(t, "another", list.Credentials[0].ID)
	require.Equal(t, "root", list.Credentials[1].ID)
	require.Equal(t, `{}`, s.ok(http.MethodGet, "/api/v2/projects/system/credentials", ""))
}

func TestGetCredential_Unknown(t *testing.T) {
	s := newServer(t, seedCredentials(Credential{ID: "root"}))
	for path, want := range map[string]int{
		"none/credentials": 400, "none/credentials/root": 404, "default/credentials/none": 404,
		"default/credentials/": 400, "system/credentials/root": 404,
	} {
		status, body := s.do(http.MethodGet, "/api/v2/projects/"+path, admin, "")
		require.Equal(t, want, status, "%s: %s", path, body)
	}
}

func TestDeleteCredential(t *testing.T) {
	s := newServer(t, seedCredentials(Credential{ID: "mine", Kind: CredsUserCreds},
		Credential{ID: "beacon", Kind: CredsBeaconCreds}))
	for _, c := range []struct {
		name, path, match string
		status            int
	}{
		{"unknown ID", "default/credentials/none", "", 404},
		{"unknown project", "none/credentials/mine", "", 404},
		{"no ID", "default/credentials/", "", 400},
		{"of the cluster itself", "default/credentials/beacon", "", 400},
		{"another ETag", "default/credentials/mine", "7", 412},
		{"its ETag", "default/credentials/mine", "1", 200},
		{"again", "default/credentials/mine", "", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := s.do(http.MethodDelete, "/api/v2/projects/"+c.path, admin, "", "If-Match: "+c.match)
			require.Equal(t, c.status, status, body)
		})
	}
	require.Contains(t, s.ok(http.MethodGet, "/api/v2/projects/default/credentials/beacon", ""), `"kind":"BeaconCreds"`)
}
