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
	"slices"
	"strings"
	"sync"
	"time"
)

// The files of the certificate authority in the data directory.
const (
	caFile    = "ca.pem" // the certificate
	caKeyFile = "ca.key" // the private key
)

// Clients accept server certificates that are valid for at most 825 days, and an authority for any time. Certificates
// are replaced when less than a month of their validity is left.
const (
	caLife    = 3650 * 24 * time.Hour
	certLife  = 820 * 24 * time.Hour
	certRenew = 30 * 24 * time.Hour
)

// maxLeaves is the number of server certificates that are kept in memory.
const maxLeaves = 256

// containerHosts are the names by which containers reach the machine that they run on.
var containerHosts = [...]string{"host.docker.internal", "host.containers.internal"}

// identity makes the server's TLS certificates: one for each name that clients ask for.
type identity struct {
	ca    []byte // PEM of the authority's certificate; nil if the user provided the certificate
	own   *tls.Certificate
	root  *x509.Certificate
	key   *ecdsa.PrivateKey // of the authority
	host  string            // of this machine, or empty
	names []string          // further names, domains as *.domain, and IP addresses
	leaf  *ecdsa.PrivateKey // of all server certificates

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// loadIdentity reads the certificate authority from the data directory. It makes a new one if there is none, if its key
// is missing or if it expires soon. With a certificate in the configuration it uses only that one.
func (s *Simulator) loadIdentity(wall time.Time) (*identity, error) {
	if s.config.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.config.TLSCert, s.config.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("tls-cert %s, tls-key %s: %w", s.config.TLSCert, s.config.TLSKey, err)
		}
		return &identity{own: &cert}, nil
	}
	id, err := readAuthority(s.dir)
	if err != nil {
		return nil, err
	}
	if id == nil || id.root.NotAfter.Sub(wall) <= certRenew {
		if _, err := os.Stat(filepath.Join(s.dir, caFile)); err == nil {
			s.config.Log.Warn().Str("file", filepath.Join(s.dir, caFile)).Msg("the certificate authority is replaced, since " +
				"it has no key or expires soon; clients that have stored it must fetch " + caPath + " again")
		}
		if err := makeAuthority(s.dir, wall); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		if id, err = readAuthority(s.dir); err != nil {
			return nil, err
		}
	}
	if id.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	id.host, _ = os.Hostname() // a machine without a name has no certificate for it
	id.host = strings.ToLower(id.host)
	id.names = slices.Clone(s.config.TLSNames)
	if s.config.WorldDomain != "" {
		id.names = append(id.names, s.config.WorldDomain, "*."+s.config.WorldDomain)
	}
	id.leaves = map[string]*tls.Certificate{}
	return id, nil
}

// caPath is where clients get the authority's certificate.
const caPath = "/_sim/ca.pem"

// readAuthority returns nil if the directory has no authority or one without a key.
func readAuthority(dir string) (*identity, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, caFile))
	if err == nil {
		var keyPEM []byte
		if keyPEM, err = os.ReadFile(filepath.Join(dir, caKeyFile)); err == nil {
			return parseAuthority(dir, certPEM, keyPEM)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, err
}

func parseAuthority(dir string, certPEM, keyPEM []byte) (*identity, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err == nil {
		if key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); ok && pair.Leaf.IsCA {
			return &identity{ca: certPEM, root: pair.Leaf, key: key}, nil
		}
		err = errors.New("it is no certificate authority with an ECDSA key")
	}
	return nil, fmt.Errorf(
		"tls: %s and %s in %s are not a valid certificate authority; remove both to have a new one made: %w", caFile,
		caKeyFile, dir, err)
}

func makeAuthority(dir string, wall time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := template("storagesim CA", wall, wall.Add(caLife))
	ca.IsCA, ca.MaxPathLenZero, ca.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(writePEM(dir, caKeyFile, "PRIVATE KEY", keyDER), writePEM(dir, caFile, "CERTIFICATE", der))
}

func template(name string, wall, end time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // rand.Reader never fails
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"storagesim"}},
		NotBefore: wall.Add(-time.Hour), NotAfter: end, BasicConstraintsValid: true,
	}
}

// writePEM writes a file atomically. Only its owner can read it.
func writePEM(dir, name, kind string, der []byte) error {
	file, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// certificate returns the certificate for the name that a client asks for. A client that asks for no name, or for a
// name that is not the server's, gets the certificate for the address that it has connected to.
func (id *identity) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if id.own != nil {
		return id.own, nil
	}
	name := strings.TrimSuffix(strings.ToLower(hello.ServerName), ".")
	if !id.serves(name) {
		name = ""
	}
	var local net.IP
	if hello.Conn != nil && name == "" {
		if address, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok {
			local = address.IP
		}
	}
	return id.leafFor(name, local, time.Now())
}

// serves reports whether a name is one of the server's: a name below .localhost, a name of one label as services have
// in a container network, the machine's name, a name by which containers reach the machine, or a configured name.
func (id *identity) serves(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !goodNameLabel(label) {
			return false
		}
	}
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") || name == id.host ||
		slices.Contains(containerHosts[:], name) || slices.ContainsFunc(id.names, func(own string) bool {
		domain, wildcard := strings.CutPrefix(own, "*")
		return name == own || wildcard && strings.HasSuffix(name, domain)
	})
}

// goodNameLabel reports whether a label of a host name is valid. Services of compose files may have underscores.
func goodNameLabel(label string) bool {
	if label == "" || len(label) > 63 {
		return false
	}
	return strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// leafFor returns the certificate for a name. The one for the name "" has all fixed names and addresses, and local.
func (id *identity) leafFor(name string, local net.IP, wall time.Time) (*tls.Certificate, error) {
	key := name
	if name == "" {
		key = local.String()
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	if kept := id.leaves[key]; kept != nil && kept.Leaf.NotAfter.Sub(wall) > certRenew {
		return kept, nil
	}
	made, err := id.sign(name, local, wall)
	if err != nil {
		return nil, err
	}
	if len(id.leaves) >= maxLeaves {
		clear(id.leaves) // each is made again in a fraction of a millisecond
	}
	id.leaves[key] = made
	return made, nil
}

func (id *identity) sign(name string, local net.IP, wall time.Time) (*tls.Certificate, error) {
	end := wall.Add(certLife)
	if end.After(id.root.NotAfter) {
		end = id.root.NotAfter
	}
	leaf := template("storagesim", wall, end)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if leaf.DNSNames = []string{name}; name == "" {
		leaf.DNSNames, leaf.IPAddresses = id.fixedNames(local)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, id.root, &id.leaf.PublicKey, id.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der, id.root.Raw}, PrivateKey: id.leaf, Leaf: parsed}, err
}

// fixedNames returns the names and addresses of the server that are known without a client.
func (id *identity) fixedNames(local net.IP) (names []string, addresses []net.IP) {
	names = append([]string{"localhost", "*.localhost"}, containerHosts[:]...)
	if id.host != "" && id.serves(id.host) && id.host != "localhost" {
		names = append(names, id.host)
	}
	addresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, own := range id.names {
		if ip := net.ParseIP(own); ip != nil {
			addresses = append(addresses, ip)
		} else {
			names = append(names, own)
		}
	}
	if local != nil && !slices.ContainsFunc(addresses, local.Equal) {
		addresses = append(addresses, local)
	}
	return names, addresses
}

// checkTLSName returns an error unless text is a host name, a domain as *.domain, or an IP address.
func checkTLSName(text string) error {
	if net.ParseIP(text) != nil {
		return nil
	}
	for label := range strings.SplitSeq(strings.TrimPrefix(text, "*."), ".") {
		if !goodNameLabel(label) {
			return fmt.Errorf("%q is neither a lower-case host name, such as sim.example.com or *.example.com, nor an IP "+
				"address", text)
		}
	}
	return nil
}
