package lucidlink

import (
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Illegal is the cause of a 401, of which the vendor says nothing to the caller.
type Illegal struct {
	Reason string `json:"reason"`
	Client string `json:"client,omitempty"`
}

// CauseKind is refusal.Credential.
func (Illegal) CauseKind() refusal.CauseKind { return refusal.Credential }

// authorize finds out whose token the request carries: r.Principal is the account's name. The vendor has no scopes:
// who has a token may do everything in its account (facts/dms-lucidlink-lucidity.md 1.1).
func (s *Service) authorize(tx *store.Tx, r *api.Request) error {
	if r.Operation.Needs == (api.Permission{}) {
		return nil
	}
	account, err := s.authenticate(tx, r.HTTP.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	r.Principal = account
	return nil
}

// accountOf is the account of whoever asks.
func accountOf(r *api.Request) string {
	account, _ := r.Principal.(string)
	return account
}

// authenticate reads the header as the vendor's own example writes it, without a scheme, and with Bearer as every
// library does (facts/dms-lucidlink-lucidity.md 1.1).
func (s *Service) authenticate(tx *store.Tx, header string) (account string, err error) {
	if s.auth == api.AuthOff {
		return settingsOf(tx).DefaultAccount, nil
	}
	token := strings.TrimSpace(header)
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	switch {
	case token == "" || strings.EqualFold(token, "Bearer"):
		return "", illegal(Illegal{Reason: "the header Authorization is missing or empty; an access token is expected in it"})
	case strings.ContainsAny(token, " \t"):
		return "", illegal(Illegal{Reason: "the header Authorization must hold an access token, alone or behind Bearer"})
	case strings.HasPrefix(token, api.OpaquePrefix):
		return s.verify(tx, token)
	case s.auth == api.AuthStrict:
		return "", illegal(Illegal{Reason: "the token was not given by this simulator"})
	}
	return settingsOf(tx).DefaultAccount, nil
}

func illegal(cause Illegal) error {
	return refusal.New(refusal.Unauthenticated, msgIllegalRequest).Because(cause)
}
