package lightbits

import (
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/idp"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// federatedPrincipal returns the principal of an identity provider's token. It reports false for any other token: a
// provider's token has the configured issuer or one of this simulator's. The error is Unauthenticated for an invalid
// token and PermissionDenied for a valid one without a role (assumption 207).
func (s *Service) federatedPrincipal(tx *store.Tx, token string) (*Principal, bool, error) {
	conf, configured := s.idpConfiguration(tx)
	if !configured && checkedTokens.get(token) != nil {
		return nil, false, nil
	}
	issuer := idp.IssuerOf(token)
	if _, own := idp.WorldOf(issuer); issuer == "" || !own && issuer != conf.IdpIssuerURL {
		return nil, false, nil
	}
	p, err := s.verifyFederated(tx, &conf, issuer, token)
	return p, true, err
}

func (s *Service) verifyFederated(tx *store.Tx, conf *IDPConfiguration, issuer, token string) (*Principal, error) {
	c, err := s.cluster(tx)
	switch {
	case err != nil:
		return nil, err
	case conf.Name == "":
		return nil, unauthenticated("the token is from issuer %q, but the cluster has no IdP configuration", issuer)
	case issuer != conf.IdpIssuerURL:
		return nil, unauthenticated("the token is from issuer %q, but IdP configuration %q has the issuer %q", issuer,
			conf.Name, conf.IdpIssuerURL)
	case !c.Federated:
		return nil, unauthenticated("federated authentication is disabled; tokens of issuer %q are not accepted",
			issuer)
	case conf.State == IDPCreating:
		return nil, unauthenticated("IdP configuration %q is %s; its tokens are accepted once it is %s", conf.Name,
			conf.State, IDPActive)
	}
	if err := s.reachIdp(tx, conf); err != nil {
		return nil, unauthenticated("the token cannot be verified: %s", err.Error())
	}
	claims, err := s.issuer.Verify(tx, token)
	if err != nil {
		return nil, unauthenticated("the token of issuer %q is not accepted: %s", issuer, err.Error())
	}
	if err := checkTimes(claims, tx.Now); err != nil {
		return nil, err
	}
	roles, err := mapRoles(tx, conf, claims)
	if err != nil {
		return nil, err
	}
	subject, _ := claims["sub"].(string)
	return newPrincipal(subject, roles...), nil
}

// checkTimes checks the claims exp, which is required, and nbf against the world's clock.
func checkTimes(claims jwt.MapClaims, now time.Time) error {
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return unauthenticated("the token has no valid claim exp")
	}
	v := verified{expires: expires.Time}
	if notBefore, err := claims.GetNotBefore(); err != nil {
		return unauthenticated("the token's claim nbf cannot be read")
	} else if notBefore != nil {
		v.notBefore = notBefore.Time
	}
	_, err = v.at(now)
	return err
}

// clientClaims are the claims that hold the client ID, in this order: ADFS, OpenID Connect and RFC 9068 use them
// (assumption 207).
var clientClaims = [...]string{"appid", "azp", "client_id"}

// UnmappedToken is the cause of a 403: the authorization map has no role for a token of an identity provider.
type UnmappedToken struct {
	IdpConfiguration string   `json:"idpConfiguration"`
	ClientID         string   `json:"clientId"`
	Claim            string   `json:"claim,omitempty"`
	Identifiers      []string `json:"identifiers,omitempty"`
}

// CauseKind returns refusal.Permission.
func (UnmappedToken) CauseKind() refusal.CauseKind { return refusal.Permission }

// mapRoles returns the roles of a token from the authorization map (facts/lightbits.md 4.21). It looks up the ID of a
// client in mode App, the configured claim of a client in mode User, and for any other client the claim of the
// configuration in mode Converge. The roles of all matching entries are returned.
func mapRoles(tx *store.Tx, conf *IDPConfiguration, claims jwt.MapClaims) ([]string, error) {
	why := UnmappedToken{IdpConfiguration: conf.Name}
	denied := func(format string, args ...any) error {
		return refusal.New(refusal.PermissionDenied, format, args...).Because(why)
	}
	for _, name := range clientClaims {
		if id, ok := claims[name].(string); ok && id != "" {
			why.ClientID = id
			break
		}
	}
	client, ok := clientConf(tx, conf.Name, why.ClientID)
	if !ok {
		client, ok = clientConf(tx, conf.Name, anyClient)
	}
	if !ok {
		return nil, denied("IdP configuration %q has no idp-client-configuration for client ID %q, and none in mode %s",
			conf.Name, why.ClientID, AuthzConverge)
	}
	if why.Identifiers = []string{why.ClientID}; client.AuthzMode != AuthzApp {
		why.Claim, why.Identifiers = client.ClaimName, claimTexts(claims[client.ClaimName])
	}
	if len(why.Identifiers) == 0 {
		return nil, denied(
			"the token's claim %q, which idp-client-configuration %q names, is not a string or a list of strings",
			client.ClaimName, client.Name)
	}
	var roles []string
	for _, identifier := range why.Identifiers {
		for _, e := range authMapEntries.By(tx, byIdentifier, scopedKey(conf.Name, identifier)) {
			if role := e.Scope + ":" + e.Role; !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	if len(roles) == 0 {
		return nil, denied("no authorization map entry of IdP configuration %q is for %q", conf.Name, why.Identifiers)
	}
	return roles, nil
}

// claimTexts returns the strings of a claim that is a string or a list.
func claimTexts(claim any) []string {
	switch value := claim.(type) {
	case string:
		if value != "" {
			return []string{value}
		}
	case []any:
		var texts []string
		for _, v := range value {
			if text, ok := v.(string); ok && text != "" && len(text) <= maxIdentifier {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}
