package lightbits

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

const (
	defaultTTL = 30 * 24 * time.Hour // facts/lightbits.md 3.2
	// mintCredential is the ID of the simulator's own key among the credentials of the project system (assumption 32).
	mintCredential = "sim"
	mintedBy       = systemProject + "/" + mintCredential // its key
	mintSubject    = "lightos-client"
	mintAudience   = "LightOS"
)

// revokedKey is the simulator's own credential after a client has deleted it.
type revokedKey struct {
	Key string `json:"key"` // of the credential
}

var revokedKeys = store.NewTable("lightbits.revoked", func(r *revokedKey) string { return r.Key },
	store.JSON[revokedKey]())

// MintToken returns a JWT of the form that lbcli makes, signed with the simulator's own key. The public half of the key
// becomes the credential system:sim of every cluster of the world, or of the transaction's cluster if it has one.
// Deleting the credential invalidates all minted tokens until the next one is minted or
// the world is reset. The same world, role, duration
// and instant always give the same token. The error of an invalid request is a *strict.Error.
func (s *Service) MintToken(tx *store.Tx, q api.TokenRequest) (api.Signing, error) {
	clusters := []string{tx.Partition()}
	if tx.Partition() == "" {
		clusters = statemachine.Partitions(tx)[1:]
	}
	if len(clusters) == 0 {
		return nil, &strict.Error{Path: "vendor", Detail: "the world has no cluster to mint a token for"}
	}
	if q.Role == "" {
		q.Role = systemProject + ":" + roleClusterAdmin
	}
	if err := s.checkMintRole(tx, clusters, q.Role); err != nil {
		return nil, err
	}
	switch {
	case q.TTL < 0:
		return nil, &strict.Error{Path: "ttl", Detail: fmt.Sprintf("%s is not positive", q.TTL)}
	case q.TTL == 0:
		q.TTL = defaultTTL
	}
	for _, cluster := range clusters {
		if err := s.trust(tx.In(cluster)); err != nil {
			return nil, err
		}
	}
	claims := jwt.MapClaims{
		"sub": mintSubject, "aud": mintAudience, "roles": []string{q.Role},
		"iat": tx.Now.Unix(), "exp": tx.Now.Add(q.TTL).Unix(), "jti": tokenID(tx, q), api.WorldClaim: tx.World(),
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = systemProject + ":" + mintCredential
	return func() (map[string]string, error) {
		token, err := s.key.Token(t)
		return map[string]string{"token": token}, err
	}, nil
}

// checkMintRole refuses a role that none of the clusters has.
func (s *Service) checkMintRole(tx *store.Tx, clusters []string, role string) error {
	valid := []string{systemProject + ":" + roleClusterAdmin, systemProject + ":" + roleViewer}
	project, name, _ := strings.Cut(role, ":")
	known := project == systemProject
	for _, cluster := range clusters {
		known = known || projects.Has(tx.In(cluster), project)
	}
	if known && rulesOf(project, name) != nil {
		return nil
	}
	for _, p := range s.projectNames(tx.In(clusters[0])) {
		if p != systemProject {
			valid = append(valid, p+":"+roleAdmin, p+":"+roleViewer)
		}
	}
	return &strict.Error{Path: "role", Detail: fmt.Sprintf("there is no role %q", role), Valid: valid}
}

// trust makes the service's key the credential system:sim of the transaction's cluster. Another key there is replaced:
// an earlier start of the simulator signed with it.
func (s *Service) trust(tx *store.Tx) error {
	payload, err := s.key.PublicPEM()
	if err != nil {
		return err
	}
	if revokedKeys.Has(tx, mintedBy) {
		if err := revokedKeys.Delete(tx, mintedBy); err != nil {
			return err
		}
	}
	have, err := credentials.Get(tx, mintedBy)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s.seedCredential(tx, Credential{
			ProjectName: systemProject, ID: mintCredential, Type: CredsRS256PubKey, Payload: payload,
			Kind: CredsUserCreds})
	case err != nil:
		return err
	case have.Type == CredsRS256PubKey && bytes.Equal(have.Payload, payload):
		return nil
	}
	have.Type, have.Payload = CredsRS256PubKey, payload
	have.ETag++
	return credentials.Put(tx, &have)
}

// tokenID derives the ID from the token's contents, since minting must not advance the world's random generator.
func tokenID(tx *store.Tx, q api.TokenRequest) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %d %d", tx.Seed(), tx.World(), q.Role, tx.Now.UnixNano(), q.TTL))
	return hex.EncodeToString(sum[:16])
}
