package control

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
)

// explanation is why a request was answered as it was.
type explanation struct {
	ID        string    `json:"id"`
	Operation string    `json:"operation,omitempty"`
	Status    int       `json:"status"`
	At        time.Time `json:"at,omitzero"` // as the journal has it
	Why       string    `json:"why"`
	// Cause is what a refused request failed on: kind is one of refusal.CauseKind, the other members follow from it.
	Cause refusalCause `json:"cause,omitempty"`
	// About is what the request was about, as it stood when it was refused.
	About     *api.About      `json:"about,omitempty"`
	Faults    []fault.Verdict `json:"faults,omitempty"` // which rules fired or nearly fired, and why not
	WouldWork []string        `json:"wouldWork,omitempty"`
}

// explainRequest answers the cause of an answer: the fault behind it, the guard and the state, the ETag, the permission.
func explainRequest(c *Control, r *call) (explanation, error) {
	x, err := getRequest(c, r)
	if err != nil {
		return explanation{}, err
	}
	e := explanation{ID: x.ID, Operation: x.Operation, Status: x.Status, At: x.At, About: x.About, Faults: x.Faults}
	switch {
	case x.Fault != "" && (x.Status < http.StatusBadRequest || x.CauseKind == refusal.Rule):
		e.Why = "it was made to go wrong on purpose, by " + culprits(&x)
		e.WouldWork = []string{"the same request without the fault"}
	case x.Status < http.StatusBadRequest:
		e.Why = "it was not refused"
	case x.Operation == "":
		c.explainRoute(&x, &e)
	default:
		explainCause(&x, &e)
	}
	if x.CauseKind != "" {
		e.Cause = causeOf(&x)
	}
	if x.Fault != "" && x.CauseKind != "" && x.CauseKind != refusal.Rule {
		e.Why += "; and it was tampered with on purpose, by " + culprits(&x)
	}
	return e, nil
}

// culprits are the rules behind what was done on purpose.
func culprits(x *api.Exchange) string {
	return strings.ReplaceAll(x.Fault, "header", "the request's own header")
}

// explainCause reads the cause that the refusal carried.
func explainCause(x *api.Exchange, e *explanation) {
	switch cause := x.Cause.(type) {
	case statemachine.StateCause:
		e.Why = fmt.Sprintf("%s %s has been %s since %s, where %s put it; the guard of %s refuses it there",
			cause.Machine, cause.ID, cause.State, cause.Since.Format(time.RFC3339Nano), by(cause.By), x.Operation)
		e.WouldWork = []string{fmt.Sprintf("the same request in another state; from %s it takes: %s", cause.State, events(cause.Takes)),
			fmt.Sprintf("POST /_sim/resources/%s/%s/release finishes a transition that is pending", cause.Machine, cause.ID)}
	case api.StaleETag:
		e.Why = fmt.Sprintf("If-Match expects the ETag %q, but the current one is %q; it was changed by %s", cause.Expected, cause.Current, by(cause.By))
		if !cause.None {
			e.WouldWork = []string{"If-Match: " + cause.Current}
		}
		e.WouldWork = append(e.WouldWork, "no If-Match at all")
	case api.ImpossibleFault:
		e.Why = "the request asks for a fault that cannot be: " + cause.Detail
		e.WouldWork = []string{"one of: " + strings.Join(cause.Valid, ", ")}
	default:
		e.Why = reason(x) + standing(x.About)
		if known, ok := x.Cause.(interface{ WouldWork() string }); ok {
			e.WouldWork = []string{known.WouldWork()}
		}
		e.WouldWork = append(append(e.WouldWork, remedies(x)...), advice(x.Status)...)
	}
}

// standing says how the thing stood that the request was about.
func standing(f *api.About) string {
	if f == nil || f.Thing == nil {
		return ""
	}
	t := f.Thing
	words := fmt.Sprintf("; %s %s has been %s since %s, where %s put it", t.Kind, t.ID, shownState(t.State), t.Since, by(t.By))
	if t.Next != nil {
		words += fmt.Sprintf(", and %s is pending", *t.Next)
	}
	return words
}

func shownState(s statemachine.State) string {
	if s == statemachine.Gone {
		return gone
	}
	return string(s)
}

// remedies says what would have worked, as far as the finding tells.
func remedies(x *api.Exchange) []string {
	f := x.About
	if f == nil {
		return nil
	}
	var list []string
	if f.Member != "" {
		list = append(list, fmt.Sprintf("another value of %s, as the answer says", f.Member))
	} else if len(f.Members) > 0 {
		list = append(list, "the members "+strings.Join(f.Members, ", ")+", as the answer says")
	}
	if t := f.Thing; t != nil {
		switch {
		case x.Status == http.StatusConflict && len(f.Names) > 0:
			list = append(list, fmt.Sprintf("another name, or this one once %s %s is gone", t.Kind, t.ID))
		case t.Next != nil:
			list = append(list, fmt.Sprintf("the same request after POST /_sim/resources/%s/%s/release, or once %s has happened", t.Kind, t.ID, *t.Next))
		default:
			list = append(list, fmt.Sprintf("the same request in another state of %s %s; from %s it takes: %s", t.Kind, t.ID, shownState(t.State), events(t.Takes)))
		}
	}
	switch {
	case x.Status != http.StatusNotFound:
	case len(f.There) > 0:
		list = append(list, "what is there, such as "+strings.Join(f.There, ", "))
	case len(f.Kinds) > 0:
		list = append(list, "making one first: there is no "+strings.Join(f.Kinds, " or ")+" here")
	}
	return list
}

func by(who string) string {
	if who == "" {
		return theFixture
	}
	return who
}

func events(list []statemachine.Event) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = string(e)
	}
	return strings.Join(words, ", ")
}

// reason is what the vendor's answer says, with what its status means.
func reason(x *api.Exchange) string {
	meaning := map[int]string{
		http.StatusBadRequest:            "the request itself is wrong",
		http.StatusUnauthorized:          "the caller could not be told who it is",
		http.StatusForbidden:             "the caller may not do this",
		http.StatusNotFound:              "what the request names is not there",
		http.StatusConflict:              "it collides with what is there or under way",
		http.StatusPreconditionFailed:    "a condition for it is not met",
		http.StatusRequestEntityTooLarge: "the body is too large",
		http.StatusTooManyRequests:       "too much is under way",
		http.StatusNotImplemented:        "it is not emulated, or the product does not do it",
		http.StatusServiceUnavailable:    "it is not to be had at the moment",
	}[x.Status]
	if meaning == "" {
		meaning = http.StatusText(x.Status)
	}
	return meaning + "; the answer says: " + strings.TrimSpace(x.Answer)
}

func advice(status int) []string {
	switch status {
	case http.StatusBadRequest:
		return []string{"a request that keeps the rule that the answer names"}
	case http.StatusConflict:
		return []string{"the same request once what is in the way is gone or finished; GET /_sim/timers lists what is under way"}
	case http.StatusPreconditionFailed:
		return []string{"the same request once the condition that the answer names is met"}
	case http.StatusRequestEntityTooLarge:
		return []string{"a smaller body"}
	case http.StatusUnauthorized:
		return []string{"a token that POST /_sim/tokens mints for this world and vendor"}
	case http.StatusForbidden:
		return []string{"a token with a role that has the permission; POST /_sim/tokens mints one"}
	case http.StatusNotFound:
		return []string{"GET /_sim/resources?kind=… lists what is there; mind the world and the cluster of the request"}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return []string{"the same request later; POST /_sim/clock/advance brings later about"}
	}
	return []string{"the same request once what the answer names is otherwise"}
}

// explainRoute says where a call to an unknown path or method should perhaps have gone.
func (c *Control) explainRoute(x *api.Exchange, e *explanation) {
	at, _, _ := strings.Cut(x.URL, "?")
	e.Why = fmt.Sprintf("no operation answers %s %s; it was refused as %s refuses what it does not know", x.Method, at, x.Vendor)
	var routes []string
	for i := range c.Vendors {
		rows := c.Vendors[i].Service.Operations
		for k := range rows {
			for _, p := range rows[k].Paths() {
				routes = append(routes, rows[k].Method+" "+p)
			}
		}
	}
	e.WouldWork = append(closest(x.Method+" "+at, routes), "GET /_sim/operations lists what there is")
	if x.Hint != "" {
		e.Why += "; " + x.Hint
	}
}
