package simulator_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// With strict authentication, a token of one world is invalid in another one.
func TestTokens_OfAnotherWorldAreRefused(t *testing.T) {
	s := simtest.New(t, func(c *simulator.Config) { c.Auth = "strict" })
	tokens := map[string]map[string]string{}
	for _, world := range []string{"a", "b"} {
		var made struct{ Tokens map[string]string }
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"`+world+`"}`).Into(&made)
		tokens[world] = made.Tokens
	}
	for vendor, call := range map[string]struct{ path, scheme string }{
		"lightbits": {"/api/v2/volumes", "Bearer "}, "dms": {"/api/v1/clusters", "Bearer "},
		"lucidlink": {"/v1/filespaces", "Bearer "}, "lucidity": {"/external/client/api/v1/tenants", ""},
	} {
		t.Run(vendor, func(t *testing.T) {
			token := tokens["a"][vendor]
			require.NotEmpty(t, token)
			ask := func(world string) simtest.Response {
				return s.For(t).In(world).Do(http.MethodGet, call.path, "", "Authorization", call.scheme+token,
					"X-Authtype", "lucidity_access_token")
			}
			own := ask("a")
			require.NotEqual(t, http.StatusUnauthorized, own.Status, own.Body)
			other := ask("b")
			require.Equal(t, http.StatusUnauthorized, other.Status, other.Body)
		})
	}
}

// Only the owner can read the data, which holds the worlds' secrets.
func TestData_OnlyItsOwnerReadsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := simtest.New(t, func(c *simulator.Config) { c.Data, c.TLSListen = dir, "127.0.0.1:0" })
	s.Must(200, http.MethodPut, "/_sim/clock", frozen)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, file.Name())
	}
}
