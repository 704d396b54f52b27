package api

import (
	"time"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Vendor is all that the assembled program needs of a vendor.
type Vendor struct {
	Service  Service
	Machines []statemachine.Lifecycle
	Tables   []store.Verifier // beside those of the machines
	Actions  []Action
	// Minter makes tokens; nil for a vendor that has none.
	Minter Minter
	// Seed fills a world from the vendor's section of a fixture, which is JSON. It is called once for each fixture and
	// seed, with nil where the fixture has no such section. What is wrong in the section is an *strict.Error with the path
	// inside the section; then nothing of the fixture is kept. May be nil.
	Seed func(tx *store.Tx, section []byte) error
	// Derived are those of Tables whose rows follow from other rows: a world's file does not have them. Derive makes them,
	// and whatever else in a row does, in every cluster of a world that was read from a file; it refuses with an *strict.Error where the rows contradict
	// each other. It may be nil if Derived is.
	Derived []store.Verifier
	Derive  func(tx *store.Tx) error
	// References are looked at when a world is read from a file.
	References []Reference
	// OfWorld are the kinds of machines of a clustered vendor that lie in the world itself, not in one of its clusters.
	OfWorld []string
}

// TokenRequest asks a vendor for a token. The world is the transaction's; its partition is the cluster that the token
// is for, or "" for all of them.
type TokenRequest struct {
	Vendor string
	Role   string        // in the vendor's words; "" is its most powerful one
	TTL    time.Duration // of the world's clock; 0 is the vendor's default
}

// Minter makes a token that the vendor's API takes in the transaction's world, and by which Locate finds that world.
// An unknown role is an *strict.Error. It must not draw from the world's generator, so that a world has the same ids with
// and without tokens.
type Minter func(tx *store.Tx, q TokenRequest) (Signing, error)

// Signing answers what a Minter made, with its signatures: those take a millisecond each and need no transaction, so
// that nobody has to wait for them. The members are what the vendor's clients need: "token" at least.
type Signing func() (map[string]string, error)

// Unsigned is for tokens that need no signature.
func Unsigned(tokens map[string]string) Signing {
	return func() (map[string]string, error) { return tokens, nil }
}
