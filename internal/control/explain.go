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

// explanation explains the response to a request.
type explanation struct {
	ID        string    `json:"id"`
	Operation string    `json:"operation,omitempty"`
	Status    int       `json:"status"`
	At        time.Time `json:"at,omitzero"` // of the world's clock, as in the journal
	Why       string    `json:"why"`
	// Cause is the cause of a refusal. Its kind is a refusal.CauseKind and determines the other members.
	Cause refusalCause `json:"cause,omitempty"`
	// About is the subject of the request and its state at the time of the refusal.
	About     *api.About      `json:"about,omitempty"`
	Faults    []fault.Verdict `json:"faults,omitempty"` // the rules that fired, and those that matched but did not fire
	WouldWork []string        `json:"wouldWork,omitempty"`
	Open      bool            `json:"open,omitempty"` // the request has not ended
	Lost      *api.Lost       `json:"lost,omitempty"` // the response that a fault kept from the client
}

// explainRequest returns the cause of a response: an injected fault, a state, an ETag, a permission and so on.
func explainRequest(c *Control, r *call) (explanation, error) {
	x, err := c.exchange(r)
	if err != nil {
		return explanation{}, err
	}
	e := explanation{ID: x.ID, Operation: x.Operation, Status: x.Status, At: x.At, About: x.About, Faults: x.Faults,
		Open: x.Open,
		Lost: x.Lost}
	switch {
	case x.Open:
		e.Why = "the request has not ended: no response, or only a part of it, has been sent"
	case x.Lost != nil:
		explainLost(&x, &e)
	case x.Fault != "" && (x.Status < http.StatusBadRequest || x.CauseKind == refusal.Rule):
		e.Why = "a fault was injected by " + faultSources(&x)
		e.WouldWork = []string{"the same request without the fault"}
	case x.Status < http.StatusBadRequest:
		e.Why = "the request succeeded"
	case x.Operation == "":
		c.explainRoute(&x, &e)
	default:
		explainCause(&x, &e)
	}
	if x.CauseKind != "" {
		e.Cause = causeOf(&x)
		c.findAuthor(&x, &e)
	}
	if x.Fault != "" && x.CauseKind != "" && x.CauseKind != refusal.Rule {
		e.Why += "; a fault was also injected by " + faultSources(&x)
	}
	return e, nil
}

// explainLost explains a response that a fault lost or replaced after the operation.
func explainLost(x *api.Exchange, e *explanation) {
	happened := "the operation changed nothing"
	if x.Lost.Committed {
		happened = "the operation's change was committed and stays"
	}
	e.Why = fmt.Sprintf("a fault was injected by %s after the operation: %s; its response, with status %d, did not reach "+
		"the client", faultSources(x), happened, x.Lost.Status)
	e.WouldWork = []string{"the same request without the fault"}
	if x.Lost.Committed {
		e.WouldWork = append(e.WouldWork,
			"a client that reads the resource after a lost response, before it repeats the request")
	}
}

// faultSources names the rules and plans that injected a fault, and the request's own header.
func faultSources(x *api.Exchange) string {
	return strings.ReplaceAll(x.Fault, "header", "the request's own header")
}

// explainCause explains a refusal from its recorded cause.
func explainCause(x *api.Exchange, e *explanation) {
	switch cause := x.Cause.(type) {
	case statemachine.StateCause:
		e.Why = fmt.Sprintf("%s %s has been in state %s since %s (set by %s); %s is not allowed in this state",
			cause.Machine, cause.ID, cause.State, cause.Since.Format(time.RFC3339Nano), by(cause.By), x.Operation)
		e.WouldWork = []string{fmt.Sprintf("the same request in another state; state %s accepts the events: %s", cause.State,
			events(cause.Takes)),
			fmt.Sprintf("POST /_sim/resources/%s/%s/release completes a pending transition", cause.Machine, cause.ID)}
	case api.StaleETag:
		e.Why = fmt.Sprintf("If-Match expects the ETag %q, but the current ETag is %q; last changed by %s",
			cause.Expected, cause.Current, by(cause.By))
		if !cause.None {
			e.WouldWork = []string{"If-Match: " + cause.Current}
		}
		e.WouldWork = append(e.WouldWork, "the same request without If-Match")
	case api.InvalidFault:
		e.Why = "the requested fault is impossible: " + cause.Detail
		e.WouldWork = []string{"one of: " + strings.Join(cause.Valid, ", ")}
	default:
		e.Why = reason(x) + describeState(x.About)
		if known, ok := x.Cause.(interface{ WouldWork() string }); ok {
			e.WouldWork = []string{known.WouldWork()}
		}
		e.WouldWork = append(append(e.WouldWork, remedies(x)...), advice(x.Status)...)
	}
}

// describeState describes the state of the resource that the request was about.
func describeState(f *api.About) string {
	if f == nil || f.Thing == nil {
		return ""
	}
	t := f.Thing
	words := fmt.Sprintf("; %s %s has been in state %s since %s (set by %s)", t.Kind, t.ID, shownState(t.State), t.Since,
		by(t.By))
	if t.Next != nil {
		words += fmt.Sprintf("; the transition %s is pending", *t.Next)
	}
	return words
}

func shownState(s statemachine.State) string {
	if s == statemachine.Gone {
		return gone
	}
	return string(s)
}

// remedies lists what would have worked, as far as the recorded subject of the request shows.
func remedies(x *api.Exchange) []string {
	f := x.About
	if f == nil {
		return nil
	}
	var list []string
	if f.Byte > 0 {
		return append(list, fmt.Sprintf("a body that is valid JSON; the error is at byte %d", f.Byte))
	}
	if f.Member != "" {
		list = append(list, fmt.Sprintf("another value of %s; the response says which values are valid", f.Member))
	} else if len(f.Members) > 0 {
		list = append(list, "other values of "+strings.Join(f.Members, ", ")+"; the response says which values are valid")
	}
	if t := f.Thing; t != nil {
		switch {
		case x.Status == http.StatusConflict && len(f.Names) > 0:
			list = append(list, fmt.Sprintf("another name, or the same name after %s %s is gone", t.Kind, t.ID))
		case t.Next != nil:
			list = append(list, fmt.Sprintf("the same request after POST /_sim/resources/%s/%s/release, or after %s has fired",
				t.Kind, t.ID, *t.Next))
		default:
			list = append(list, fmt.Sprintf("the same request in another state of %s %s; state %s accepts the events: %s",
				t.Kind, t.ID, shownState(t.State), events(t.Takes)))
		}
	}
	switch {
	case x.Status != http.StatusNotFound:
	case len(f.There) > 0:
		list = append(list, "one that exists, such as "+strings.Join(f.There, ", "))
	case len(f.Kinds) > 0:
		list = append(list, "the same request after creating a "+strings.Join(f.Kinds, " or ")+"; there is none")
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

// reason returns the meaning of the status, and the text of the vendor's response.
func reason(x *api.Exchange) string {
	meaning := map[int]string{
		http.StatusBadRequest:            "the request is invalid",
		http.StatusUnauthorized:          "the caller could not be authenticated",
		http.StatusForbidden:             "the caller does not have the permission",
		http.StatusNotFound:              "the request names something that does not exist",
		http.StatusConflict:              "the request conflicts with an existing resource or a running operation",
		http.StatusPreconditionFailed:    "a precondition of the request is not met",
		http.StatusRequestEntityTooLarge: "the body is too large",
		http.StatusTooManyRequests:       "too many requests or operations",
		http.StatusNotImplemented:        "the operation is not emulated, or the product does not support it",
		http.StatusServiceUnavailable:    "the service is temporarily unavailable",
	}[x.Status]
	if meaning == "" {
		meaning = http.StatusText(x.Status)
	}
	return meaning + "; the response says: " + strings.TrimSpace(x.Answer)
}

func advice(status int) []string {
	switch status {
	case http.StatusBadRequest:
		return []string{"a request that follows the rule in the response"}
	case http.StatusConflict:
		return []string{"the same request after the conflicting resource is gone or the running operation has completed; " +
			"GET /_sim/timers lists pending transitions"}
	case http.StatusPreconditionFailed:
		return []string{"the same request after the precondition in the response is met"}
	case http.StatusRequestEntityTooLarge:
		return []string{"a smaller body"}
	case http.StatusUnauthorized:
		return []string{"a token from POST /_sim/tokens for this world and vendor"}
	case http.StatusForbidden:
		return []string{"a token with a role that has the permission; POST /_sim/tokens mints one"}
	case http.StatusNotFound:
		return []string{"GET /_sim/resources?kind=… lists what exists; check the world and the cluster of the request"}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return []string{"the same request later; POST /_sim/clock/advance moves the clock"}
	}
	return []string{"the same request after the cause in the response is removed"}
}

// explainRoute explains a request with an unknown path or method, and lists the nearest operations.
func (c *Control) explainRoute(x *api.Exchange, e *explanation) {
	at, _, _ := strings.Cut(x.URL, "?")
	e.Why = fmt.Sprintf("no operation matches %s %s; the response is that of %s for an unknown path or method",
		x.Method, at, x.Vendor)
	var routes []string
	for i := range c.Vendors {
		svc := &c.Vendors[i].Service
		if svc.Vendor == x.Vendor { // not those of another vendor that responds elsewhere
			routes = svc.NearestRoutes(x.Method, at)
		}
	}
	e.WouldWork = append(routes, "GET /_sim/operations lists all operations")
	if x.Hint != "" {
		e.Why += "; " + x.Hint
	}
}
