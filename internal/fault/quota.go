package fault

import (
	"fmt"
	"slices"
	"time"
)

// maxClients bounds the clients that a quota counts in one window. Further clients count together.
const maxClients = 1000

// otherClients is the name under which the clients beyond maxClients are counted.
const otherClients = "other clients"

// used is how far a quota is used in its current window.
type used struct {
	Window  int64             `json:"window"`
	Clients map[string]uint64 `json:"clients"`
}

func (r *Ready) checkQuota() error {
	q := r.Rule.When.Quota
	if q == nil {
		return nil
	}
	d, err := parseSpan("when.quota.per", q.Per)
	switch {
	case err != nil:
		return err
	case q.Requests > maxCount:
		return invalid("when.quota.requests", "%d is not in the range 0 to %d", q.Requests, maxCount)
	case q.By != "" && !slices.Contains(q.By.Names(), string(q.By)):
		return &InvalidError{Path: "when.quota.by", Valid: q.By.Names(),
			Detail: quoted(string(q.By)) + " is neither all nor client"}
	}
	r.per = d
	return nil
}

// window returns the number of the quota's window at the instant now, and the end of the window.
func (r *Ready) window(now time.Time) (n int64, end time.Time) {
	since := now.Sub(r.born)
	n = int64(since / r.per)
	if since < 0 {
		n--
	}
	return n, r.born.Add(time.Duration(n) * r.per).Add(r.per)
}

// takeQuota takes one request of the client from the quota. It returns why the request passes, or "" if the quota is
// used up.
func (r *row) takeQuota(ready *Ready, client string, now time.Time) string {
	q := r.Rule.When.Quota
	window, _ := ready.window(now)
	if r.Used == nil || r.Used.Window != window {
		r.Used = &used{Window: window, Clients: map[string]uint64{}}
	}
	if q.By != ByClient {
		client = ""
	} else if _, known := r.Used.Clients[client]; !known && len(r.Used.Clients) >= maxClients {
		client = otherClients
	}
	n := r.Used.Clients[client]
	if n >= q.Requests {
		return ""
	}
	r.Used.Clients[client] = n + 1
	return fmt.Sprintf("the rule's quota lets %d requests per %s pass, and this was number %d", q.Requests, q.Per, n+1)
}
