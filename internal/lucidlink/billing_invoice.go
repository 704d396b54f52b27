package lucidlink

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Invoice is the invoice of an account for a period. Only its payment status changes.
type Invoice struct {
	ID                 string   `json:"id"`
	Date               int64    `json:"date"` // ms
	LineDescriptions   []string `json:"lineDescriptions"`
	AmountDue          int64    `json:"amountDue"` // cents
	Currency           string   `json:"currency"`
	PeriodStart        int64    `json:"periodStart"` // ms
	PeriodEnd          int64    `json:"periodEnd"`   // ms; the first instant after the period
	PaymentStatus      string   `json:"paymentStatus"`
	PDFURL             string   `json:"pdfUrl"`
	FilespaceBreakdown []Line   `json:"filespaceBreakdown"`
}

// invoice is the row of an Invoice. The payment status is not stored, because it depends on the time.
type invoice struct {
	Invoice
	Account string `json:"account"`
	Paid    bool   `json:"paid"`
	Voided  bool   `json:"voided"`
}

// The payment statuses, in the vendor's words.
const (
	invoiceNotPaid = "not_paid"
	invoicePastDue = "past_due"
	invoicePaid    = "paid"
	invoiceVoided  = "voided"
)

// paymentTerm is the time to pay for an account without a source of payment (assumption 162).
const paymentTerm = 14 * 24 * time.Hour

func (inv *invoice) status(now time.Time) string {
	switch {
	case inv.Voided:
		return invoiceVoided
	case inv.Paid:
		return invoicePaid
	case now.UnixMilli() >= inv.Date+paymentTerm.Milliseconds():
		return invoicePastDue
	}
	return invoiceNotPaid
}

const byID = "id"

var invoices = store.NewTable("lucidlink.invoice",
	func(inv *invoice) string {
		return inv.Account + keySeparator + fmt.Sprintf("%020d", inv.Date) + keySeparator + inv.ID
	},
	store.JSON[invoice](),
	store.Index[invoice]{Name: byID, Unique: true, Keys: func(inv *invoice) []string { return []string{inv.ID} }})

// issueInvoice creates the invoice of the account's current period from the meters of its filespaces. The invoice is
// paid at once if the account has a source of payment, or if the amount is 0 (assumption 162).
func issueInvoice(tx *store.Tx, a *Account, used []meter) error {
	now, set := tx.Now.UnixMilli(), settingsOf(tx)
	month := monthOf(a.PeriodStart)
	id := tx.NewUUID().String()
	inv := invoice{Account: a.Name, Invoice: Invoice{
		ID: id, Date: now, LineDescriptions: []string{}, Currency: set.Currency, PeriodStart: a.PeriodStart, PeriodEnd: now,
		PDFURL: "https://invoices.lucidlink.example/" + id + ".pdf", FilespaceBreakdown: []Line{},
	}}
	for i := range used {
		used[i].countUntil(now)
		line := used[i].line(set.Prices[used[i].SubscriptionType], month.length())
		inv.AmountDue += line.AmountDue
		inv.FilespaceBreakdown = append(inv.FilespaceBreakdown, line)
		inv.LineDescriptions = append(inv.LineDescriptions, line.describe())
	}
	inv.Paid = inv.AmountDue == 0 || a.pays()
	return invoices.Insert(tx, &inv)
}

// describe returns the description of a line.
func (l *Line) describe() string {
	return fmt.Sprintf("Filespace %s (%s): %s GiB, %s users", l.Name, l.SubscriptionType,
		decimal(l.UsageByDimension[0].Usage), decimal(l.UsageByDimension[1].Usage))
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// payOpen marks the open invoices of an account as paid.
func payOpen(tx *store.Tx, account string) error {
	for _, inv := range invoices.All(tx, account+keySeparator, "") {
		if inv.Paid || inv.Voided {
			continue
		}
		inv.Paid = true
		if err := invoices.Put(tx, &inv); err != nil {
			return err
		}
	}
	return nil
}

// listInvoices returns the account's invoices, the newest first (assumption 162).
func (s *Service) listInvoices(tx *store.Tx, r *api.Request, _ *api.Empty) ([]Invoice, error) {
	list := []Invoice{}
	for _, inv := range invoices.All(tx, accountOf(r)+keySeparator, "") {
		inv.PaymentStatus = inv.status(tx.Now)
		list = append(list, inv.Invoice)
	}
	slices.Reverse(list)
	return list, nil
}

const msgNoInvoice = "Invoice not found."

type invoiceID struct {
	ID string `json:"id"`
}

// csvText is a response of the type text/csv.
type csvText []byte

// getInvoiceBreakdownPerFilespace returns a header and a record for each filespace. Amounts are in cents, as everywhere
// (assumption 163).
func (s *Service) getInvoiceBreakdownPerFilespace(tx *store.Tx, r *api.Request, q *invoiceID) (csvText, error) {
	for _, inv := range invoices.By(tx, byID, strings.ToLower(q.ID)) {
		if inv.Account == accountOf(r) {
			return breakdown(inv.FilespaceBreakdown)
		}
	}
	return nil, refusal.New(refusal.NotFound, msgNoInvoice)
}

func breakdown(lines []Line) (csvText, error) {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	records := [][]string{{"filespace", "name", "isDeleted", "storageProvider", "storageOwner", "subscriptionType",
		managedCapacity, filespaceUsers, "amountDue"}}
	for i := range lines {
		l := &lines[i]
		records = append(records, []string{
			l.Filespace, l.Name, strconv.FormatBool(l.IsDeleted), l.StorageProvider, l.StorageOwner, l.SubscriptionType,
			decimal(l.UsageByDimension[0].Usage), decimal(l.UsageByDimension[1].Usage), strconv.FormatInt(l.AmountDue, 10),
		})
	}
	err := w.WriteAll(records)
	return text.Bytes(), err
}

type voidParams struct {
	Invoice string `json:"invoice" doc:"ID of the invoice"`
}

// voidInvoice voids an open invoice, as the vendor's accountants do.
func (s *Service) voidInvoice(tx *store.Tx, p *voidParams) (any, error) {
	for _, inv := range invoices.By(tx, byID, strings.ToLower(p.Invoice)) {
		if inv.Paid || inv.Voided {
			return nil, refusal.New(refusal.Aborted,
				"invoice %s is %s; only an open invoice can be voided", inv.ID, inv.status(tx.Now))
		}
		inv.Voided = true
		if err := invoices.Put(tx, &inv); err != nil {
			return nil, err
		}
		inv.PaymentStatus = inv.status(tx.Now)
		return inv.Invoice, nil
	}
	return nil, refusal.New(refusal.NotFound, "invoice %q does not exist", clip(p.Invoice))
}
