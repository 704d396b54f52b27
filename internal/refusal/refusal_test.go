package refusal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/refusal"
)

// The numbers are those of the wire, the names gRPC's own.
func TestKind(t *testing.T) {
	for number, name := range []string{
		"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
		"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
		"DataLoss", "Unauthenticated",
	} {
		require.Equal(t, name, refusal.Kind(number).String())
	}
	require.Equal(t, refusal.Unauthenticated, refusal.Kind(16))
	require.Equal(t, "Kind(17)", refusal.Kind(17).String())
	require.Equal(t, "Kind(-1)", refusal.Kind(-1).String())
}

type gone struct{}

func (gone) CauseKind() refusal.CauseKind { return refusal.Guard }

func TestError(t *testing.T) {
	e := refusal.New(refusal.NotFound, "no %s %d", "volume", 7)
	require.EqualError(t, e, "no volume 7")
	require.Equal(t, refusal.Missing, e.CauseKind())
	require.Same(t, e, e.Because(gone{}))
	require.Equal(t, gone{}, e.Cause)
	require.Equal(t, refusal.Guard, e.CauseKind())

	wrapped := fmt.Errorf("while looking: %w", e)
	require.Same(t, e, refusal.Of(wrapped))
	require.True(t, refusal.Is(wrapped, refusal.NotFound))
	require.False(t, refusal.Is(wrapped, refusal.Aborted))

	for _, other := range []error{nil, errors.New("internal")} {
		require.Nil(t, refusal.Of(other))
		require.False(t, refusal.Is(other, refusal.Unknown))
	}
	require.EqualError(t, refusal.New(refusal.Unknown, "%s", "100%"), "100%")
}
