package lucidlink

import (
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Illegal is the cause of a 401. The vendor does not show it to the caller.
type Illegal struct {
	Reason string `json:"reason"`
	Client string `json:"client,omitempty"`
}

// CauseKind returns refusal.Credential.
func (Illegal) CauseKind() refusal.CauseKind { return refusal.Credential }

// authorize sets r.Principal to the name of the account whose token the request carries, or refuses with
// Unauthenticated. The vendor has no scopes: a token gives access to everything in its account
// (facts/dms-lucidlink-lucidity.md 1.1).
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

// accountOf returns the caller's account.
func accountOf(r *api.Request) string {
	account, _ := r.Principal.(string)
	return account
}

// authenticate returns the account of the token in the header. It accepts the token alone, as in the vendor's own
// example, and after Bearer, as libraries send it (facts/dms-lucidlink-lucidity.md 1.1). In the mode lenient an opaque
// token stands for the world's first account (assumption 150).
func (s *Service) authenticate(tx *store.Tx, header string) (account string, err error) {
	if s.auth.In(tx) == api.AuthOff {
		return settingsOf(tx).DefaultAccount, nil
	}
	token := strings.TrimSpace(header)
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	switch {
	case token == "" || strings.EqualFold(token, "Bearer"):
		return "", illegal(Illegal{Reason: "the Authorization header is missing or empty; it must hold an access token"})
	case strings.ContainsAny(token, " \t"):
		return "", illegal(Illegal{Reason: "the Authorization header must hold an access token, alone or after Bearer"})
	case strings.HasPrefix(token, api.OpaquePrefix):
		return s.verify(tx, token)
	case s.auth.In(tx) == api.AuthStrict:
		return "", illegal(Illegal{Reason: "the token was not issued by this simulator"})
	}
	return settingsOf(tx).DefaultAccount, nil
}

func illegal(cause Illegal) error {
	return refusal.New(refusal.Unauthenticated, msgIllegalRequest).Because(cause)
}
