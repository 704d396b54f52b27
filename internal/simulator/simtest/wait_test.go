package simtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// failing is a test that records its failure.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper()                   {}
func (f *failing) Errorf(_ string, a ...any) { f.message = a[0].(string) }
func (f *failing) FailNow()                  { panic(f) }

func TestAwait(t *testing.T) {
	require.Equal(t, 3, Await(t, "number", func() int { return 3 }))
	f := &failing{TB: t}
	require.PanicsWithValue(t, f, func() {
		await(f, "line of the stream", time.Millisecond, func() int { select {} })
	})
	require.Contains(t, f.message, "no line of the stream within 1ms")
}
