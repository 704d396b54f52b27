package api

import (
	"time"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Vendor is what a vendor's package provides to the program.
type Vendor struct {
	Service  Service
	Machines []statemachine.Lifecycle
	Tables   []store.Verifier // the vendor's tables other than those of Machines
	Actions  []Action
	// Minter issues tokens. It is nil for a vendor without tokens.
	Minter Minter
	// Seed fills a world from the vendor's section of a fixture. The section is JSON, or nil if the fixture has none for
	// the vendor. Seed is called once for each fixture and seed. If the section is invalid it returns an *strict.Error
	// with the path inside the section, and nothing of the fixture is kept. A nil Seed adds nothing.
	Seed func(tx *store.Tx, section []byte) error
	// Derived lists those of Tables whose rows are computed from other rows. A world file does not contain them.
	Derived []store.Verifier
	// Derive computes the rows of Derived, and the derived values in other rows, after a world was read from a file. It is
	// called for every cluster. If rows contradict each other it returns an *strict.Error. It may be nil if Derived is
	// empty.
	Derive func(tx *store.Tx) error
	// References are checked when a world is read from a file.
	References []Reference
	// WorldKinds lists the kinds of resources that a clustered vendor keeps in the world itself, not in a cluster.
	WorldKinds []string
}

// TokenRequest describes the token that a Minter issues. The token is for the world of the transaction, and for the
// cluster of its partition, or for all clusters if that is "".
type TokenRequest struct {
	Vendor string
	Role   string        // the vendor's name for it; "" means the most powerful role
	TTL    time.Duration // by the world's clock; 0 means the vendor's default
}

// Minter issues a token that the vendor's API accepts in the transaction's world and that Locate maps to that world. It
// returns an *strict.Error if the role is unknown. It must not draw from the world's random generator: a world has the
// same ids with and without tokens.
type Minter func(tx *store.Tx, q TokenRequest) (Signing, error)

// Signing signs the token of a Minter and returns what the vendor's clients need to authenticate, by name: at least
// "token". It is called after the transaction, because a signature takes a millisecond and needs no transaction.
type Signing func() (map[string]string, error)

// Unsigned returns a Signing for tokens that need no signature.
func Unsigned(tokens map[string]string) Signing {
	return func() (map[string]string, error) { return tokens, nil }
}
