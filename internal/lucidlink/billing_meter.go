package lucidlink

import (
	"math/big"
	"slices"
	"strings"

	"storagesim/internal/store"
)

// Price is the price of one unit for a whole calendar month, in cents.
type Price struct {
	CapacityTiB int64 `json:"capacityTiB"`
	User        int64 `json:"user"`
}

// meter sums up the use of a filespace in the current billing period. It outlives the filespace until the invoice.
type meter struct {
	Account, Filespace, Name string
	Provider, Owner          string
	SubscriptionType         string
	Created                  int64 // ms
	Deleted                  bool

	Since int64  // ms; the sums cover the time before
	Bytes uint64 // in use since then
	Users int64

	ByteMillis *big.Int // bytes times milliseconds
	UserMillis *big.Int
}

func meterKey(m *meter) string { return m.Account + keySeparator + m.Filespace }

var meters = store.NewTable("lucidlink.meter", meterKey, store.JSON[meter]())

func openMeter(tx *store.Tx, f *Filespace) error {
	m := meter{
		Account: f.Account, Filespace: f.ID, Name: f.Name, Provider: f.Storage.Provider, Owner: f.Storage.Owner,
		SubscriptionType: f.SubscriptionType, Created: tx.Now.UnixMilli(),
	}
	m.reset(m.Created)
	return meters.Put(tx, &m)
}

// meterUse sets the use of the filespace from now on.
func meterUse(tx *store.Tx, f *Filespace, bytes uint64) error {
	m, err := meters.Get(tx, f.Account+keySeparator+f.ID)
	if err != nil {
		return err
	}
	m.countUntil(tx.Now.UnixMilli())
	m.Bytes, m.Users = bytes, f.UsersCount
	return meters.Put(tx, &m)
}

// closeMeter ends the use of a deleted filespace. Its meter stays in the period's breakdown.
func closeMeter(tx *store.Tx, f *Filespace) error {
	m, err := meters.Get(tx, f.Account+keySeparator+f.ID)
	if err != nil {
		return err
	}
	m.countUntil(tx.Now.UnixMilli())
	m.Bytes, m.Users, m.Deleted = 0, 0, true
	return meters.Put(tx, &m)
}

// metersOf returns an account's meters in the order in which their filespaces were created.
func metersOf(tx *store.Tx, account string) []meter {
	var list []meter
	for _, m := range meters.All(tx, account+keySeparator, "") {
		list = append(list, m)
	}
	slices.SortStableFunc(list, func(a, b meter) int {
		if a.Created != b.Created {
			return int(min(max(a.Created-b.Created, -1), 1))
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// countUntil adds the use up to now to the sums. It adds nothing if the clock was set back.
func (m *meter) countUntil(now int64) {
	if passed := big.NewInt(now - m.Since); passed.Sign() > 0 {
		m.ByteMillis = product(m.ByteMillis, new(big.Int).SetUint64(m.Bytes), passed)
		m.UserMillis = product(m.UserMillis, big.NewInt(m.Users), passed)
	}
	m.Since = now
}

// product returns sum + a*b in a new Int.
func product(sum, a, b *big.Int) *big.Int {
	p := new(big.Int).Mul(a, b)
	return p.Add(p, sum)
}

// reset starts a new period.
func (m *meter) reset(now int64) {
	m.Since, m.ByteMillis, m.UserMillis = now, new(big.Int), new(big.Int)
}

// The units of the sums (assumption 161).
const (
	gib = 1 << 30
	tib = 1 << 40
)

// Line is a filespace's part of the amount due.
type Line struct {
	Filespace        string  `json:"filespace"`
	Name             string  `json:"name"`
	IsDeleted        bool    `json:"isDeleted"`
	AmountDue        int64   `json:"amountDue"` // cents
	StorageProvider  string  `json:"storageProvider"`
	StorageOwner     string  `json:"storageOwner"`
	SubscriptionType string  `json:"subscriptionType"`
	UsageByDimension []Usage `json:"usageByDimension"`
}

// Usage is the average use in a period: capacity in GiB, or users.
type Usage struct {
	Dimension string  `json:"dimension"`
	Usage     float64 `json:"usage"`
}

// The dimensions (facts/dms-lucidlink-lucidity.md 1.2).
const (
	managedCapacity = "ManagedCapacity"
	filespaceUsers  = "FilespaceUsers"
)

// line returns the line of the meter for a month of the given length in milliseconds.
func (m *meter) line(p Price, month int64) Line {
	kind := m.SubscriptionType
	if kind == typeEnterprise {
		kind = "advanced" // the name in the breakdown (facts/dms-lucidlink-lucidity.md 1.2)
	}
	return Line{
		Filespace: m.Filespace, Name: m.Name, IsDeleted: m.Deleted, AmountDue: m.amount(p, month),
		StorageProvider: m.Provider, StorageOwner: m.Owner, SubscriptionType: kind,
		UsageByDimension: []Usage{
			{managedCapacity, thousandths(m.ByteMillis, big.NewInt(gib), month)},
			{filespaceUsers, thousandths(m.UserMillis, big.NewInt(1), month)},
		},
	}
}

// amount returns the price of a meter's sums in cents, rounded half up. It rounds once: an invoice is the sum of these
// amounts, so that its lines add up to the cent (assumption 161).
func (m *meter) amount(p Price, month int64) int64 {
	cents := product(new(big.Int), m.ByteMillis, big.NewInt(p.CapacityTiB))
	users := product(new(big.Int), m.UserMillis, big.NewInt(p.User))
	cents = product(cents, users, big.NewInt(tib))
	return rounded(cents, product(new(big.Int), big.NewInt(tib), big.NewInt(month)))
}

// thousandths returns sum/(unit*month), rounded to three decimal places.
func thousandths(sum, unit *big.Int, month int64) float64 {
	sum = product(new(big.Int), sum, big.NewInt(1000))
	return float64(rounded(sum, product(new(big.Int), unit, big.NewInt(month)))) / 1000
}

// rounded returns a/b rounded half up. Neither may be negative.
func rounded(a, b *big.Int) int64 {
	twice := product(b, a, big.NewInt(2))
	q := twice.Div(twice, product(new(big.Int), b, big.NewInt(2)))
	if !q.IsInt64() {
		return maxUse
	}
	return q.Int64()
}
