package lucidlink

import (
	"net/http"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

func (s *Service) billingOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetPaymentDetails", Method: http.MethodGet, Path: "/v1/billing/payment",
			Statuses: []int{200, 401}, Extra: true, Needs: token, Endpoint: api.Handle(s.getPaymentDetails)},
		{Name: "SetPaymentDetails", Method: http.MethodPatch, Path: "/v1/billing/payment",
			Statuses: []int{200, 400, 401}, Extra: true, Needs: token, Endpoint: api.Handle(s.setPaymentDetails)},
		{Name: "GetCurrentPeriod", Method: http.MethodGet, Path: "/v1/billing/current-period",
			Statuses: []int{200, 401}, Extra: true, Needs: token, Endpoint: api.Handle(s.getCurrentPeriod)},
		{Name: "ListInvoices", Method: http.MethodGet, Path: "/v1/billing/invoices",
			Statuses: []int{200, 401}, Extra: true, Needs: token, Endpoint: api.Handle(s.listInvoices)},
		{Name: "GetInvoiceBreakdownPerFilespace", Method: http.MethodGet, Path: "/v1/billing/invoices/{id}/breakdown/csv",
			Statuses: []int{200, 401, 404}, Extra: true, Needs: token, Produces: []string{contentCSV},
			Endpoint: api.Handle(s.getInvoiceBreakdownPerFilespace)},
	}
}

type paymentDetails struct {
	Description        string `json:"description,omitempty"`
	PaymentSourceToken string `json:"paymentSourceToken,omitempty"`
	Card               *Card  `json:"card,omitempty"`
}

func (s *Service) getPaymentDetails(tx *store.Tx, r *api.Request, _ *api.Empty) (paymentDetails, error) {
	row, err := s.accounts.Get(tx, accountOf(r))
	a := &row.Body
	return paymentDetails{Description: a.Description, PaymentSourceToken: a.PaymentSourceToken, Card: a.Card}, err
}

type paymentRequest struct {
	Description        *string      `json:"description"`
	PaymentSourceToken *string      `json:"paymentSourceToken"`
	Card               *cardRequest `json:"card"`
}

type cardRequest struct {
	NumberLast4 string  `json:"numberLast4" required:"Invalid request: {path} is missing."`
	ExpiryMonth float64 `json:"expiryMonth" required:"Invalid request: {path} is missing."`
	ExpiryYear  float64 `json:"expiryYear" required:"Invalid request: {path} is missing."`
}

const (
	maxDescription  = 1000
	maxPaymentToken = 255
)

// setPaymentDetails updates the members that the request has. If the account then has a source of payment, its open
// invoices are paid at once (assumption 162).
func (s *Service) setPaymentDetails(tx *store.Tx, r *api.Request, q *paymentRequest) (api.Empty, error) {
	row, err := s.accounts.Get(tx, accountOf(r))
	if err != nil {
		return api.Empty{}, err
	}
	a := &row.Body
	if q.Description != nil {
		if a.Description = *q.Description; len(a.Description) > maxDescription {
			return api.Empty{}, invalid("Invalid request: description must have at most %d bytes.", maxDescription)
		}
	}
	if q.PaymentSourceToken != nil {
		if a.PaymentSourceToken = *q.PaymentSourceToken; len(a.PaymentSourceToken) > maxPaymentToken {
			return api.Empty{}, invalid(
				"Invalid request: paymentSourceToken must have at most %d bytes.", maxPaymentToken)
		}
	}
	if q.Card != nil {
		if a.Card, err = q.Card.check(tx.Now); err != nil {
			return api.Empty{}, err
		}
	}
	if err := s.accounts.Save(tx, &row); err != nil {
		return api.Empty{}, err
	}
	if !a.pays() {
		return api.Empty{}, nil
	}
	return api.Empty{}, payOpen(tx, a.Name)
}

// check returns the card, or refuses an invalid or expired one. A card is valid until the end of its month.
func (q *cardRequest) check(now time.Time) (*Card, error) {
	month, year := int32(q.ExpiryMonth), int32(q.ExpiryYear)
	switch {
	case len(q.NumberLast4) != 4 || strings.Trim(q.NumberLast4, "0123456789") != "":
		return nil, invalid("Invalid request: card.numberLast4 %q must be four digits.", clip(q.NumberLast4))
	case float64(month) != q.ExpiryMonth || month < 1 || month > 12:
		return nil, invalid("Invalid request: card.expiryMonth %v must be 1 to 12.", q.ExpiryMonth)
	case float64(year) != q.ExpiryYear || year < 1000 || year > 9999:
		return nil, invalid("Invalid request: card.expiryYear %v must be a year of four digits.", q.ExpiryYear)
	case time.Date(int(year), time.Month(month)+1, 1, 0, 0, 0, 0, time.UTC).Before(now):
		return nil, invalid("Invalid request: the card expired in %04d-%02d.", year, month)
	}
	return &Card{NumberLast4: q.NumberLast4, ExpiryMonth: month, ExpiryYear: year}, nil
}

// forecastLine is a line of the current period.
type forecastLine struct {
	Line
	AmountDueForecast int64 `json:"amountDueForecast"` // cents
}

type billingPeriod struct {
	Start              int64          `json:"start"` // ms
	End                int64          `json:"end"`   // ms
	SubscriptionStatus string         `json:"subscriptionStatus"`
	AmountDue          int64          `json:"amountDue"`         // cents
	AmountDueForecast  int64          `json:"amountDueForecast"` // cents
	Currency           string         `json:"currency"`
	FilespaceBreakdown []forecastLine `json:"filespaceBreakdown"`
}

// getCurrentPeriod returns the amount due now, and the amount due at the end of the period if the use does not change.
func (s *Service) getCurrentPeriod(tx *store.Tx, r *api.Request, _ *api.Empty) (billingPeriod, error) {
	account, err := s.accounts.Get(tx, accountOf(r))
	if err != nil {
		return billingPeriod{}, err
	}
	now, set := tx.Now.UnixMilli(), settingsOf(tx)
	start := account.Body.PeriodStart
	if start == 0 {
		start = monthOf(now).start
	}
	month := monthOf(start)
	p := billingPeriod{
		Start: start, End: month.end, SubscriptionStatus: subscriptionStatus(tx, account.Body.Name),
		Currency: set.Currency, FilespaceBreakdown: []forecastLine{},
	}
	for _, m := range metersOf(tx, account.Body.Name) {
		price := set.Prices[m.SubscriptionType]
		m.countUntil(now)
		line := forecastLine{Line: m.line(price, month.length())}
		m.countUntil(month.end)
		line.AmountDueForecast = m.amount(price, month.length())
		p.AmountDue += line.AmountDue
		p.AmountDueForecast += line.AmountDueForecast
		p.FilespaceBreakdown = append(p.FilespaceBreakdown, line)
	}
	return p, nil
}

// subscriptionStatus returns past_due if an invoice is past due, else active (assumption 162).
func subscriptionStatus(tx *store.Tx, account string) string {
	for _, inv := range invoices.All(tx, account+keySeparator, "") {
		if inv.status(tx.Now) == invoicePastDue {
			return invoicePastDue
		}
	}
	return "active"
}
