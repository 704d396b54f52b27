package varint_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/varint"
)

func sample() []byte {
	b := binary.AppendUvarint(nil, math.MaxUint64)
	b = binary.AppendVarint(b, math.MinInt64)
	b = binary.BigEndian.AppendUint64(b, 7)
	b = append(b, 9)
	b = varint.AppendBytes(b, "text")
	return varint.AppendBytes(b, []byte{1, 2})
}

func read(src []byte) (values []any, r varint.Reader) {
	r = varint.NewReader(src)
	return []any{r.Uint(), r.Int(), r.Uint64(), r.Byte(), r.Text(), r.Bytes()}, r
}

func TestReader_ReadsWhatWasWritten(t *testing.T) {
	values, r := read(sample())
	require.Equal(t, []any{uint64(math.MaxUint64), int64(math.MinInt64), uint64(7), byte(9), "text", []byte{1, 2}}, values)
	require.Empty(t, r.Rest())
	require.NoError(t, r.End())
}

func TestReader_MissingValues(t *testing.T) {
	whole := sample()
	for size := range whole {
		values, r := read(whole[:size])
		require.ErrorIs(t, r.Err(), varint.ErrLength, "%d bytes", size)
		require.ErrorIs(t, r.End(), varint.ErrLength, "%d bytes", size)
		require.Nil(t, values[5], "the last value of %d bytes", size)
	}
}

func TestReader_BytesAreLeft(t *testing.T) {
	_, r := read(append(sample(), 0))
	require.NoError(t, r.Err())
	require.ErrorIs(t, r.End(), varint.ErrLength)
	require.Equal(t, []byte{0}, r.Rest())
}

func TestReader_LengthBeyondTheEnd(t *testing.T) {
	for _, length := range []uint64{3, 1 << 40, math.MaxUint64} {
		r := varint.NewReader(append(binary.AppendUvarint(nil, length), 1, 2))
		require.Nil(t, r.Bytes())
		require.ErrorIs(t, r.Err(), varint.ErrLength)
	}
}

func TestReader_BytesDoNotGrowIntoTheNext(t *testing.T) {
	r := varint.NewReader(varint.AppendBytes(varint.AppendBytes(nil, "a"), "b"))
	_ = append(r.Bytes(), 'x', 'y')
	require.Equal(t, "b", r.Text())
}
