package lightbits

import (
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// mint returns a token that is valid in all clusters, as the control surface does.
func (s *server) mint(q api.TokenRequest) (string, error) {
	s.t.Helper()
	var signing api.Signing
	err := s.engine.Update(api.DefaultWorld, "test", func(tx *store.Tx) (err error) {
		signing, err = s.service.MintToken(tx, q)
		return err
	})
	if err != nil {
		return "", err
	}
	answer, err := signing()
	return answer["token"], err
}

func TestMintToken_Accepted(t *testing.T) {
	s := newServer(t, withAuth(api.AuthStrict))
	tok, err := s.mint(api.TokenRequest{Vendor: vendor})
	require.NoError(t, err)
	status, body := s.do(http.MethodPost, "/api/v2/projects", tok, `{"name":"p1"}`)
	require.Equal(t, 200, status, body)
	status, body = s.do(http.MethodGet, "/api/v2/projects/system/credentials/sim", tok, "")
	require.Equal(t, 200, status, body)
	require.Contains(t, body, `"type":"RS256PubKey"`)
	require.NotContains(t, body, "kind", "UserCreds is the zero value")
}

func TestMintToken_Claims(t *testing.T) {
	s := newServer(t)
	tok, err := s.mint(api.TokenRequest{})
	require.NoError(t, err)
	var claims jwt.MapClaims
	parsed, _, err := jwt.NewParser().ParseUnverified(tok, &claims)
	require.NoError(t, err)
	require.Equal(t, "system:sim", parsed.Header["kid"])
	require.Equal(t, "RS256", parsed.Header["alg"])
	require.Equal(t, "lightos-client", claims["sub"])
	require.Equal(t, "LightOS", claims["aud"])
	require.Equal(t, []any{"system:cluster-admin"}, claims["roles"])
	require.InDelta(t, start.Unix(), claims["iat"], 0)
	require.InDelta(t, start.AddDate(0, 0, 30).Unix(), claims["exp"], 0)
	require.NotEmpty(t, claims["jti"])
	require.Equal(t, api.DefaultWorld, claims[api.WorldClaim])
}

func TestMintToken_RefusedWithoutItsCredential(t *testing.T) {
	s := newServer(t, withAuth(api.AuthStrict))
	tok, err := s.mint(api.TokenRequest{})
	require.NoError(t, err)
	status, body := s.do(http.MethodDelete, "/api/v2/projects/system/credentials/sim", tok, "")
	require.Equal(t, 200, status, body)
	status, _ = s.do(http.MethodGet, "/api/v2/projects", tok, "")
	require.Equal(t, 401, status)

	again, err := s.mint(api.TokenRequest{})
	require.NoError(t, err)
	require.Equal(t, tok, again, "the same world, role and instant give the same token")
	status, _ = s.do(http.MethodGet, "/api/v2/projects", again, "")
	require.Equal(t, 200, status, "minting restores the credential")
}

func TestMintToken_RoleAndLifetime(t *testing.T) {
	s := newServer(t)
	tok, err := s.mint(api.TokenRequest{Role: "default:viewer", TTL: time.Minute})
	require.NoError(t, err)
	ask := func(project string) int {
		status, _ := s.do(http.MethodGet, "/api/v2/projects/"+project, tok, "")
		return status
	}
	require.Equal(t, 200, ask("default"))
	require.Equal(t, 403, ask("system"))
	s.advance(time.Minute)
	require.Equal(t, 401, ask("default"))
}

func TestMintToken_InvalidRole(t *testing.T) {
	s := newServer(t)
	for _, role := range []string{"nobody", "none:admin", "default:cluster-admin", "system:admin", ":", "default:"} {
		t.Run(role, func(t *testing.T) {
			_, err := s.mint(api.TokenRequest{Role: role})
			var wrong *strict.Error
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, "role", wrong.Path)
			require.Equal(t, []string{"system:cluster-admin", "system:viewer", "default:admin", "default:viewer"},
				wrong.Valid)
		})
	}
}

func TestMintToken_NegativeLifetime(t *testing.T) {
	s := newServer(t)
	_, err := s.mint(api.TokenRequest{TTL: -1})
	var wrong *strict.Error
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "ttl", wrong.Path)
}

func TestMintToken_ValidInEveryClusterAndUsesNoRandomness(t *testing.T) {
	ids := map[bool]string{}
	for _, mints := range []bool{false, true} {
		s := newServer(t, withAuth(api.AuthStrict), withSeed(func(s *Service, tx *store.Tx) error {
			if err := statemachine.AddPartition(tx, "west"); err != nil {
				return err
			}
			return s.seedProject(tx.In("west"), systemProject, "")
		}))
		if mints {
			tok, err := s.mint(api.TokenRequest{})
			require.NoError(t, err)
			status, body := s.do(http.MethodGet, "/api/v2/projects", tok, "", "X-Sim-Cluster: west")
			require.Equal(t, 200, status, body)
		}
		s.update(func(tx *store.Tx) error {
			ids[mints] = tx.NewUUID().String()
			return nil
		})
	}
	require.Equal(t, ids[false], ids[true])
}

// The credential system:sim in a data directory may have another key: that of an earlier version, or of another
// --signing-key.
func TestMintToken_ReplacesTheCredential(t *testing.T) {
	s := newServer(t, withSeed(func(s *Service, tx *store.Tx) error {
		return s.seedCredential(tx, Credential{ProjectName: systemProject, ID: mintCredential, Type: CredsRS256PubKey,
			Payload: []byte("x")})
	}))
	for range 2 {
		token, err := s.mint(api.TokenRequest{})
		require.NoError(t, err)
		status, body := s.do(http.MethodGet, "/api/v2/projects", token, "")
		require.Equal(t, 200, status, body)
	}
	s.update(func(tx *store.Tx) error {
		row, err := credentials.Get(tx, credentialKey(systemProject, mintCredential))
		require.Equal(t, uint64(2), row.ETag)
		return err
	})
}
