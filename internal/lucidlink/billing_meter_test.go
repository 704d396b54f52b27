package lucidlink

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newMeter(since int64) meter {
	m := meter{SubscriptionType: typeTeams}
	m.reset(since)
	return m
}

func TestMonthOf(t *testing.T) {
	for text, want := range map[string][2]string{
		"2028-02-29T23:59:59.999Z": {"2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		"2026-12-31T23:00:00Z":     {"2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"2026-06-01T00:00:00Z":     {"2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		month := monthOf(at.UnixMilli())
		require.Equal(t, want[0], time.UnixMilli(month.start).UTC().Format(time.RFC3339))
		require.Equal(t, want[1], time.UnixMilli(month.end).UTC().Format(time.RFC3339))
	}
}

// The sums of a meter do not depend on the number of intermediate counts. The amount is exact to the nearest cent.
func TestMeter_CountsExactly(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	month := monthOf(time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC).UnixMilli())
	for range 300 {
		often, once := newMeter(month.start), newMeter(month.start)
		price := Price{CapacityTiB: random.Int64N(maxCents), User: random.Int64N(maxCents)}
		exact := new(big.Rat)
		for now := month.start; now < month.end; {
			until := min(now+1+random.Int64N(month.length()/3), month.end)
			bytes, people := random.Uint64N(1<<random.UintN(60)+1), random.Int64N(1000)
			often.Bytes, often.Users, once.Bytes, once.Users = bytes, people, bytes, people
			for range 3 {
				often.countUntil(often.Since + (until-often.Since)/2)
			}
			often.countUntil(until)
			once.countUntil(until)
			capacity := new(big.Rat).SetFrac(new(big.Int).Mul(new(big.Int).SetUint64(bytes), big.NewInt(price.CapacityTiB)),
				big.NewInt(tib))
			cost := capacity.Add(capacity, new(big.Rat).SetInt64(people*price.User))
			exact.Add(exact, cost.Mul(cost, big.NewRat(until-now, month.length())))
			now = until
		}
		require.Equal(t, once.line(price, month.length()), often.line(price, month.length()), "seed %d", seed)
		off := new(big.Rat).Sub(exact, new(big.Rat).SetInt64(once.amount(price, month.length())))
		require.LessOrEqual(t, off.Abs(off).Cmp(big.NewRat(1, 2)), 0, "seed %d: %s cents off", seed, off.FloatString(3))
	}
}

func TestMeter_RoundsHalfUp(t *testing.T) {
	for _, c := range []struct {
		cents, ofMonth, want int64
	}{{1, 2, 1}, {1, 3, 0}, {2, 3, 1}, {0, 1, 0}, {3, 2, 2}, {1000, 1, 1000}} {
		m := newMeter(0)
		m.Users = 1
		m.countUntil(6_000_000 / c.ofMonth)
		require.Equal(t, c.want, m.amount(Price{User: c.cents}, 6_000_000), "%d/%d", c.cents, c.ofMonth)
	}
}

func TestMeter_ClockSetBack(t *testing.T) {
	m := newMeter(1000)
	m.Users = 1
	m.countUntil(500)
	require.Zero(t, m.UserMillis.Sign())
	m.countUntil(600)
	require.EqualValues(t, 100, m.UserMillis.Int64())
}

// The largest possible use does not overflow.
func TestMeter_Largest(t *testing.T) {
	m := newMeter(0)
	m.Bytes, m.Users = maxUse, 1<<40
	m.countUntil(31 * 24 * 3600 * 1000)
	require.Positive(t, m.amount(Price{CapacityTiB: maxCents, User: maxCents}, 31*24*3600*1000))
}

func TestLine_CallsEnterpriseAdvanced(t *testing.T) {
	m := newMeter(0)
	m.SubscriptionType = typeEnterprise
	require.Equal(t, "advanced", m.line(Price{}, 1000).SubscriptionType)
}
