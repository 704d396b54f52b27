package lightbits

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A generated secret has the format of nvme-cli: version, hash, 32 bytes and their CRC.
func TestSetTrustedHostSecret_GeneratesNVMeSecrets(t *testing.T) {
	s := newServer(t, withCluster("featureFlags: {in-band-authentication: true}"))
	status, body := s.do(http.MethodPost, "/api/v2/projects/default/trustedHosts", admin,
		`{"name":"h","hostNqn":"nqn.2014-08.org.nvmexpress:uuid:1"}`)
	require.Equal(t, 200, status, body)
	generated := map[string]bool{}
	for range 3 {
		status, body = s.do(http.MethodPut, "/api/v2/projects/default/trustedHostSecrets/h", admin,
			`{"hostSecret":"x","targetSecretType":"AutoGenSecret"}`)
		require.Equal(t, 200, status, body)
		got := decodeWire[getTrustedHostSecretsResponse](t, s, "/api/v2/projects/default/trustedHostSecrets/h")
		secret := got.TargetSecret
		generated[secret] = true
		text, ok := strings.CutPrefix(secret, "DHHC-1:00:")
		require.True(t, ok, secret)
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, ":"))
		require.NoError(t, err)
		require.Len(t, raw, 36)
		require.Equal(t, crc32.ChecksumIEEE(raw[:32]), binary.LittleEndian.Uint32(raw[32:]))
	}
	require.Len(t, generated, 3)
	status, body = s.do(http.MethodPut, "/api/v2/projects/default/trustedHostSecrets/h", admin,
		`{"hostSecret":"`+strings.Repeat("x", maxSecret+1)+`"}`)
	require.Equal(t, 400, status, body)
	status, body = s.do(http.MethodPut, "/api/v2/projects/default/trustedHostSecrets/h", admin, `{"hostSecret":"y"}`)
	require.Equal(t, 200, status, body)
	got := decodeWire[getTrustedHostSecretsResponse](t, s, "/api/v2/projects/default/trustedHostSecrets/h")
	require.Equal(t, "y", got.HostSecret)
	require.Empty(t, got.TargetSecret, "setting secrets replaces all of them")
}
