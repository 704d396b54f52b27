//go:build race

package simtest

// slowed reports whether the race detector is enabled. It makes tests about five times slower.
const slowed = true
