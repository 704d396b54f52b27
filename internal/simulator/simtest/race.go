//go:build race

package simtest

// slowed: the race detector makes everything five times slower.
const slowed = true
