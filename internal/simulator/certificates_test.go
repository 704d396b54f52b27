package simulator_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// tlsServer starts a simulator with a TLS listener on kept data, and returns the certificate authority.
func tlsServer(t *testing.T, opts ...simtest.Option) (s *simtest.Server, dir string, ca *x509.CertPool) {
	t.Helper()
	dir = t.TempDir()
	listen := func(c *simulator.Config) { c.TLSListen, c.Data = "127.0.0.1:0", dir }
	s = simtest.New(t, append([]simtest.Option{simtest.ToyVendor, listen}, opts...)...)
	return s, dir, authority(t, s)
}

func authority(t *testing.T, s *simtest.Server) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(s.Must(200, http.MethodGet, "/_sim/ca.pem", "").Body)))
	return pool
}

// handshake connects as a client that asks for name and verifies the certificate for it.
func handshake(s *simtest.Server, ca *x509.CertPool, name string) (*x509.Certificate, error) {
	dialer := &net.Dialer{Timeout: simtest.Patience}
	conn, err := tls.DialWithDialer(dialer, "tcp", strings.TrimPrefix(s.TLSURL, "https://"),
		&tls.Config{RootCAs: ca, ServerName: name})
	if err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], conn.Close()
}

func TestTLS_CertificateForTheNameAskedFor(t *testing.T) {
	s, _, ca := tlsServer(t, func(c *simulator.Config) {
		c.TLSNames, c.WorldDomain = []string{"sim.example.com", "*.lab.example.com", "10.1.2.3"}, "sim.internal"
	})
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, name := range []string{"localhost", "t1.localhost", "west.t1.localhost", "a.b.c.d.localhost", "storagesim",
		"my_sim",
		"host.docker.internal", "host.containers.internal", strings.ToLower(host), "sim.example.com", "a.lab.example.com",
		"sim.internal", "t1.sim.internal", "west.t1.sim.internal", "127.0.0.1", "::1", "10.1.2.3"} {
		_, err := handshake(s, ca, name)
		require.NoError(t, err, name)
	}
	for _, name := range []string{"example.com", "sim.example.org", "evil.example.com", "xlab.example.com", "10.1.2.4"} {
		_, err := handshake(s, ca, name)
		require.ErrorAs(t, err, new(x509.HostnameError), name)
	}
}

func TestTLS_CertificatesAreKept(t *testing.T) {
	s, _, ca := tlsServer(t)
	first, err := handshake(s, ca, "first.localhost")
	require.NoError(t, err)
	again, err := handshake(s, ca, "FIRST.localhost")
	require.NoError(t, err)
	require.Equal(t, first.SerialNumber, again.SerialNumber)
	require.LessOrEqual(t, first.NotAfter.Sub(first.NotBefore), 825*24*time.Hour, "clients refuse a longer validity")
	for i := range 300 { // more than are kept
		_, err := handshake(s, ca, fmt.Sprintf("w%d.localhost", i))
		require.NoError(t, err)
	}
	again, err = handshake(s, ca, "first.localhost")
	require.NoError(t, err)
	require.NotEqual(t, first.SerialNumber, again.SerialNumber)
}

func TestTLS_AuthorityIsKeptWithTheData(t *testing.T) {
	s, dir, ca := tlsServer(t)
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s.Restart()
	_, err = handshake(s, ca, "new.localhost")
	require.NoError(t, err)
	s.Close()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.key"), []byte("rust"), 0o600))
	config := lampConfig(t, dir)
	config.TLSListen = "127.0.0.1:0"
	_, err = simulator.New(config)
	require.ErrorContains(t, err, "ca.pem and ca.key")
}

// The directories of earlier versions have a certificate authority without a key.
func TestTLS_AuthorityWithoutKeyIsReplaced(t *testing.T) {
	s, dir, old := tlsServer(t)
	s.Close()
	require.NoError(t, os.Remove(filepath.Join(dir, "ca.key")))
	var log bytes.Buffer
	s = simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) {
		c.TLSListen, c.Data, c.Log = "127.0.0.1:0", dir, zerolog.New(zerolog.SyncWriter(&log))
	})
	_, err := handshake(s, authority(t, s), "localhost")
	require.NoError(t, err)
	_, err = handshake(s, old, "localhost")
	require.Error(t, err)
	s.Close()
	require.Contains(t, log.String(), "certificate authority is replaced")
}

func TestTLS_OwnCertificate(t *testing.T) {
	s, dir, ca := tlsServer(t)
	s.Close()
	config := lampConfig(t, t.TempDir())
	config.TLSListen, config.TLSCert = "127.0.0.1:0", filepath.Join(dir, "ca.pem") // any certificate will do
	_, err := simulator.New(config)
	require.ErrorContains(t, err, "tls-cert and tls-key")
	own := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) {
		c.TLSListen, c.TLSCert, c.TLSKey = "127.0.0.1:0", filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	})
	_, err = handshake(own, ca, "localhost")
	require.ErrorAs(t, err, new(x509.HostnameError), "the certificate is served unchanged, and has no names")
	own.Must(404, http.MethodGet, "/_sim/ca.pem", "")
}

func BenchmarkTLS_Certificate(b *testing.B) {
	s := simtest.New(b, simtest.ToyVendor, func(c *simulator.Config) { c.TLSListen = "127.0.0.1:0" })
	for i := range b.N {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.TLSURL, "https://"), &tls.Config{
			InsecureSkipVerify: true, ServerName: fmt.Sprintf("w%d.localhost", i)}) //nolint:gosec // measures, verifies nothing
		require.NoError(b, err)
		require.NoError(b, conn.Close())
	}
}
