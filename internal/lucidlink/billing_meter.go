package lucidlink

import (
	"math/big"
	"slices"
	"strings"

	"storagesim/internal/store"
)

// Price is what one unit costs for a whole calendar month, in cents.
type Price struct {
	CapacityTiB int64 `json:"capacityTiB"`
	User        int64 `json:"user"`
}

// meter sums up what a filespace uses in the billing period under way. It outlives the filespace until the invoice.
type meter struct {
	Account, Filespace, Name string
	Provider, Owner          string
	SubscriptionType         string
	Created                  int64 // ms
	Deleted                  bool

	Since int64  // ms; up to here is counted in the sums
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

// meterUse notes what the filespace uses from now on.
func meterUse(tx *store.Tx, f *Filespace, bytes uint64) error {
	m, err := meters.Get(tx, f.Account+keySeparator+f.ID)
	if err != nil {
		return err
	}
	m.settle(tx.Now.UnixMilli())
	m.Bytes, m.Users = bytes, f.UsersCount
	return meters.Put(tx, &m)
}

// closeMeter: the filespace is gone and costs nothing any more, but stays in the period's breakdown.
func closeMeter(tx *store.Tx, f *Filespace) error {
	m, err := meters.Get(tx, f.Account+keySeparator+f.ID)
	if err != nil {
		return err
	}
	m.settle(tx.Now.UnixMilli())
	m.Bytes, m.Users, m.Deleted = 0, 0, true
	return meters.Put(tx, &m)
}

// metersOf lists an account's meters in the order in which their filespaces were made.
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

// settle counts what was used up to now. A clock that was set back counts nothing.
func (m *meter) settle(now int64) {
	if passed := big.NewInt(now - m.Since); passed.Sign() > 0 {
		m.ByteMillis = product(m.ByteMillis, new(big.Int).SetUint64(m.Bytes), passed)
		m.UserMillis = product(m.UserMillis, big.NewInt(m.Users), passed)
	}
	m.Since = now
}

// product is a new sum + a*b.
func product(sum, a, b *big.Int) *big.Int {
	p := new(big.Int).Mul(a, b)
	return p.Add(p, sum)
}

// reset begins a new period.
func (m *meter) reset(now int64) {
	m.Since, m.ByteMillis, m.UserMillis = now, new(big.Int), new(big.Int)
}

// The units of the sums (assumption 161).
const (
	gib = 1 << 30
	tib = 1 << 40
)

// Line is a filespace's part of what is due.
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

// Usage is the average of a period: of capacity in GiB, of users.
type Usage struct {
	Dimension string  `json:"dimension"`
	Usage     float64 `json:"usage"`
}

// The dimensions (facts/dms-lucidlink-lucidity.md 1.2).
const (
	managedCapacity = "ManagedCapacity"
	filespaceUsers  = "FilespaceUsers"
)

// line answers what the meter says for a month of that length in milliseconds.
func (m *meter) line(p Price, month int64) Line {
	kind := m.SubscriptionType
	if kind == typeEnterprise {
		kind = "advanced" // so the breakdown calls it (facts/dms-lucidlink-lucidity.md 1.2)
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

// amount is the price of a meter's sums in cents, rounded once, half a cent up: an invoice is the sum of such amounts,
// so its lines add up to the cent (assumption 161).
func (m *meter) amount(p Price, month int64) int64 {
	cents := product(new(big.Int), m.ByteMillis, big.NewInt(p.CapacityTiB))
	users := product(new(big.Int), m.UserMillis, big.NewInt(p.User))
	cents = product(cents, users, big.NewInt(tib))
	return rounded(cents, product(new(big.Int), big.NewInt(tib), big.NewInt(month)))
}

// thousandths is sum/(unit*month) to three places.
func thousandths(sum, unit *big.Int, month int64) float64 {
	sum = product(new(big.Int), sum, big.NewInt(1000))
	return float64(rounded(sum, product(new(big.Int), unit, big.NewInt(month)))) / 1000
}

// rounded is a/b to the nearest whole number, half up; neither is negative.
func rounded(a, b *big.Int) int64 {
	twice := product(b, a, big.NewInt(2))
	q := twice.Div(twice, product(new(big.Int), b, big.NewInt(2)))
	if !q.IsInt64() {
		return maxUse
	}
	return q.Int64()
}
