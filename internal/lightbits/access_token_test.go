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

// mint makes a token in the world's own partition, as the control surface does.
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

func TestMintToken_IsTaken(t *testing.T) {
	s := newServer(t, withAuth(api.AuthStrict))
	tok, err := s.mint(api.TokenRequest{Vendor: vendor})
	require.NoError(t, err)
	status, body := s.do(http.MethodPost, "/api/v2/projects", tok, `{"name":"p1"}`)
	require.Equal(t, 200, status, body)
	status, body = s.do(http.MethodGet, "/api/v2/projects/system/credentials/sim", tok, "")
	require.Equal(t, 200, status, body)
	require.Contains(t, body, `"type":"RS256PubKey"`)
	require.NotContains(t, body, "kind", "UserCreds is the zero value")

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

	status, body = s.do(http.MethodDelete, "/api/v2/projects/system/credentials/sim", tok, "")
	require.Equal(t, 200, status, body)
	status, _ = s.do(http.MethodGet, "/api/v2/projects", tok, "")
	require.Equal(t, 401, status)
	again, err := s.mint(api.TokenRequest{})
	require.NoError(t, err)
	require.Equal(t, tok, again, "the same world, role and instant")
	status, _ = s.do(http.MethodGet, "/api/v2/projects", again, "")
	require.Equal(t, 200, status)
}

func TestMintToken_RolesAndTimes(t *testing.T) {
	s := newServer(t)
	tok, err := s.mint(api.TokenRequest{Role: "default:viewer", TTL: time.Minute})
	require.NoError(t, err)
	status, _ := s.do(http.MethodGet, "/api/v2/projects/default", tok, "")
	require.Equal(t, 200, status)
	status, _ = s.do(http.MethodGet, "/api/v2/projects/system", tok, "")
	require.Equal(t, 403, status)
	s.advance(time.Minute)
	status, _ = s.do(http.MethodGet, "/api/v2/projects/default", tok, "")
	require.Equal(t, 401, status)

	for _, role := range []string{"nobody", "none:admin", "default:cluster-admin", "system:admin", ":", "default:"} {
		_, err := s.mint(api.TokenRequest{Role: role})
		var wrong *strict.Error
		require.ErrorAs(t, err, &wrong, role)
		require.Equal(t, "role", wrong.Path)
		require.Equal(t, []string{"system:cluster-admin", "system:viewer", "default:admin", "default:viewer"}, wrong.Valid)
	}
	var wrong *strict.Error
	_, err = s.mint(api.TokenRequest{TTL: -1})
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "ttl", wrong.Path)
}

func TestMintToken_HoldsInEveryClusterAndDrawsNothing(t *testing.T) {
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

// A data directory may hold another key as system:sim, of an earlier version or of another --signing-key.
func TestMintToken_RefreshesTheCredential(t *testing.T) {
	s := newServer(t, withSeed(func(s *Service, tx *store.Tx) error {
		return s.seedCredential(tx, Credential{ProjectName: systemProject, ID: mintCredential, Type: CredsRS256PubKey, Payload: []byte("x")})
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
