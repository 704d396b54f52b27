package lucidlink

import (
	"slices"
	"time"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// Account is a customer of the vendor. The tokens of its clients give access to it, and it receives the invoices.
type Account struct {
	Name               string `json:"name"`
	Description        string `json:"description"`
	PaymentSourceToken string `json:"paymentSourceToken"`
	Card               *Card  `json:"card"`
	// PeriodStart is the start of the current billing period in milliseconds; 0 while there is nothing to bill.
	PeriodStart int64 `json:"periodStart"`
}

// Card is the visible part of a credit card.
type Card struct {
	NumberLast4 string `json:"numberLast4"`
	ExpiryMonth int32  `json:"expiryMonth"`
	ExpiryYear  int32  `json:"expiryYear"`
}

// pays reports whether the account has a source of payment.
func (a *Account) pays() bool { return a.PaymentSourceToken != "" || a.Card != nil }

const accountActive statemachine.State = "active"

// accountMachine is the machine of an account. An account comes from the fixture and is never removed. At the end of
// each month in which it had filespaces it receives an invoice (assumption 160).
func (s *Service) accountMachine() *statemachine.Machine[Account] {
	return statemachine.Define(statemachine.Machine[Account]{
		Kind: "lucidlink.account", Initial: []statemachine.State{accountActive}, Zero: wire.OmitZero,
		Rules: []statemachine.Rule[Account]{
			{
				From: []statemachine.State{accountActive}, On: "invoice", To: accountActive,
				Do: s.closePeriod, Unless: nothingToBill,
			},
		},
		Key: func(a *Account) string { return a.Name },
	})
}

// nothingToBill drops the event for an account that has no billing period, or whose period starts at this instant.
func nothingToBill(tx *store.Tx, row *statemachine.Row[Account]) statemachine.Event {
	if row.Body.PeriodStart == 0 || row.Body.PeriodStart >= tx.Now.UnixMilli() {
		return statemachine.Stay
	}
	return ""
}

func (s *Service) accountNames(tx *store.Tx) []string {
	var names []string
	for name := range s.accounts.Table().Scan(tx, "", "") {
		names = append(names, name)
	}
	return names
}

// settings is the configuration of the service of a world; there is one row.
type settings struct {
	DefaultAccount string           `json:"defaultAccount"`
	Currency       string           `json:"currency"`
	Prices         map[string]Price `json:"prices"` // by subscription type
}

const settingsKey = "settings"

var settingsTable = store.NewTable("lucidlink.settings",
	func(*settings) string { return settingsKey }, store.JSON[settings]())

// settingsOf returns the world's settings, as Seed has stored them. A world without settings has no account.
func settingsOf(tx *store.Tx) settings {
	row, err := settingsTable.Get(tx, settingsKey)
	if err != nil {
		return settings{}
	}
	return row
}

// period is the interval [start, end) on the world's clock, in milliseconds.
type period struct{ start, end int64 }

// monthOf returns the calendar month in UTC that contains the instant. It is the billing period (assumption 160).
func monthOf(ms int64) period {
	t := time.UnixMilli(ms).UTC()
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return period{first.UnixMilli(), first.AddDate(0, 1, 0).UnixMilli()}
}

func (p period) length() int64 { return p.end - p.start }

// startPeriod starts a billing period unless the account has one, and schedules its invoice for the end of the month.
func (s *Service) startPeriod(tx *store.Tx, name string) error {
	row, err := s.accounts.Get(tx, name)
	if err != nil || row.Body.PeriodStart != 0 {
		return err
	}
	month := monthOf(tx.Now.UnixMilli())
	row.Body.PeriodStart = month.start
	if err := s.accounts.Save(tx, &row); err != nil {
		return err
	}
	return s.accounts.After(tx, &row, "invoice", time.UnixMilli(month.end).UTC())
}

// closePeriod issues the invoice for the current period, and starts the next period if the account still has
// filespaces.
func (s *Service) closePeriod(tx *store.Tx, row *statemachine.Row[Account]) error {
	now := tx.Now.UnixMilli()
	used := metersOf(tx, row.Body.Name)
	if err := issueInvoice(tx, &row.Body, used); err != nil {
		return err
	}
	for i := range used {
		m := &used[i]
		if m.Deleted {
			if err := meters.Delete(tx, meterKey(m)); err != nil {
				return err
			}
			continue
		}
		m.reset(now)
		if err := meters.Put(tx, m); err != nil {
			return err
		}
	}
	row.Body.PeriodStart = 0
	if !slices.ContainsFunc(used, func(m meter) bool { return !m.Deleted }) {
		return nil
	}
	row.Body.PeriodStart = now
	return s.accounts.After(tx, row, "invoice", time.UnixMilli(monthOf(now).end).UTC())
}
