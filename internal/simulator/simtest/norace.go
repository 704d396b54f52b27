//go:build !race

package simtest

const slowed = false
