package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The certificate files in the data directory. Existing files are used unchanged, so a user can provide others.
const (
	caFile   = "ca.pem"     // the certificate authority's certificate
	certFile = "server.pem" // the server's certificate
	keyFile  = "server.key" // the server's key; the authority's key is discarded after signing
)

// Clients accept server certificates that are valid for at most 825 days. The certificates are replaced when less than
// a month of their validity is left.
const (
	certLife  = 820 * 24 * time.Hour
	certRenew = 30 * 24 * time.Hour
)

// identity is the server's TLS certificate and the certificate authority that signed it.
type identity struct {
	ca   []byte // PEM
	cert tls.Certificate
}

// loadIdentity reads the certificates from the data directory. It makes new ones if there are none or if they expire
// soon.
func loadIdentity(dir string, wall time.Time) (*identity, error) {
	id, err := readIdentity(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case id.cert.Leaf.NotAfter.Sub(wall) > certRenew:
		return id, nil
	}
	if err := makeIdentity(dir, wall); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return readIdentity(dir)
}

func readIdentity(dir string) (*identity, error) {
	ca, err := os.ReadFile(filepath.Join(dir, caFile))
	if err != nil {
		return nil, err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, certFile), filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("tls: %s and %s in %s are not a valid certificate and key; replace them, or remove them to "+
			"have new ones made: %w", certFile, keyFile, dir, err)
	}
	return &identity{ca: ca, cert: cert}, nil
}

func makeIdentity(dir string, wall time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := template("storagesim CA", wall)
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	ca.MaxPathLenZero = true
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	leaf := template("storagesim", wall)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames = []string{"localhost", "*.localhost"}
	if host, err := os.Hostname(); err == nil && host != "" && host != "localhost" {
		leaf.DNSNames = append(leaf.DNSNames, host)
	}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		return err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, parsed, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(dir, keyFile, "PRIVATE KEY", keyDER),
		writePEM(dir, certFile, "CERTIFICATE", leafDER, caDER),
		writePEM(dir, caFile, "CERTIFICATE", caDER),
	)
}

func template(name string, wall time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // rand.Reader never fails
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"storagesim"}},
		NotBefore: wall.Add(-time.Hour), NotAfter: wall.Add(certLife), BasicConstraintsValid: true,
	}
}

// writePEM writes a file atomically.
func writePEM(dir, name, kind string, blocks ...[]byte) error {
	var text []byte
	for _, der := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
