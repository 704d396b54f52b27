package control

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/nearest"
	"storagesim/internal/strict"
)

// maxRequests is the largest number of exchanges in a response, and the number without a limit.
const maxRequests = 1000

// requestList is a page of the journal. Its exchanges are written while it is sent: see writeRequests.
type requestList struct {
	Requests []api.Exchange `json:"requests"`
	Dropped  uint64         `json:"dropped"`        // because the journal was full, since it was last cleared
	Next     string         `json:"next,omitempty"` // the parameter before of the page with earlier exchanges
}

// scope returns the exchanges that a call is about: those of the life of the world in the query or of the call's world,
// or with world=* those of all lives of all worlds.
func (c *Control) scope(r *call) (api.Scope, error) {
	world := r.query.Get("world")
	switch {
	case world == allWorlds:
		if err := c.admitAll(r); err != nil {
			return api.Scope{}, err
		}
		return api.Scope{All: true}, nil
	case world == "":
		world = r.world()
	case !api.GoodLabel(world):
		return api.Scope{}, &strict.Error{Path: "world", Detail: fmt.Sprintf("%q is neither the name of a world nor %s",
			world, allWorlds), Valid: append(c.worldNames(), allWorlds)}
	}
	life, err := c.Engine.Life(world)
	return api.Scope{Life: life}, err
}

// allWorlds is the value of the parameter world that selects all worlds.
const allWorlds = "*"

// admitAll returns an error unless the caller may see all worlds: without an admin token everybody may, except on the
// port of one world.
func (c *Control) admitAll(r *call) error {
	if own := api.ListenerPlace(r.http.Context()).World; own != "" {
		return &Problem{Status: http.StatusForbidden, Detail: fmt.Sprintf("this port is that of the world %q; ask for the "+
			"other worlds on the main port", own)}
	}
	return c.checkAdminToken(r)
}

// listRequests returns the latest exchanges of the scope. With before, it returns those before the exchange with that
// id.
func listRequests(c *Control, r *call) (reply[requestList], error) {
	var none reply[requestList]
	scope, err := c.scope(r)
	if err != nil {
		return none, err
	}
	keep, err := c.requestFilter(r)
	if err != nil {
		return none, err
	}
	limit, err := r.limit(maxRequests)
	if err != nil {
		return none, err
	}
	before, ok := api.RequestNumber(r.query.Get("before"))
	if !ok && r.query.Get("before") != "" {
		return none, &strict.Error{Path: "before", Detail: fmt.Sprintf("%.80q is not a request id, such as req-12",
			r.query.Get("before"))}
	}
	found, more, dropped := c.Journal.Find(scope, min(limit, maxRequests), before, keep)
	page := requestPage{found: found, dropped: dropped}
	if more {
		page.next = found[0].ID()
	}
	contentType := "application/json"
	if page.har = wantsHAR(r.http); page.har {
		contentType = harType
	}
	return reply[requestList]{value: stream{contentType: contentType, write: func(w http.ResponseWriter) {
		c.writeRequests(w, &page)
	}}}, nil
}

// exchange returns the exchange with the id in the path. Those of other worlds need the right to see all worlds.
func (c *Control) exchange(r *call) (api.Exchange, error) {
	id := r.param("id")
	x, ok := c.Journal.Get(id)
	if !ok || x.World != r.world() && c.admitAll(r) != nil {
		return api.Exchange{}, &Problem{Status: http.StatusNotFound,
			Detail: fmt.Sprintf("request %.80q is not in the journal", id)}
	}
	return x.Redacted(), nil
}

// getRequest returns one exchange, as a HAR file if Accept asks for it.
func getRequest(c *Control, r *call) (reply[api.Exchange], error) {
	x, err := c.exchange(r)
	if err != nil || !wantsHAR(r.http) {
		return reply[api.Exchange]{value: x}, err
	}
	file := harFile{Log: c.harHead(0)}
	file.Log.Entries = []harEntry{harOf(&x)}
	text, err := jsonOf(harType, file)
	return reply[api.Exchange]{value: text}, err
}

// deleteRequests clears the journal of the scope's world.
func deleteRequests(c *Control, r *call) (api.Empty, error) {
	scope, err := c.scope(r)
	switch {
	case err != nil:
	case scope.All:
		c.Journal.ClearAll()
	default:
		c.Journal.Clear(cmp.Or(r.query.Get("world"), r.world()))
	}
	return api.Empty{}, err
}

// requestFilter reads the query: operation is an id or a glob, status a number or a class such as 4xx, since a request
// id or a time of the world's clock.
func (c *Control) requestFilter(r *call) (func(*api.Exchange) bool, error) {
	operation := r.query.Get("operation")
	if err := c.checkOperation(operation); err != nil {
		return nil, err
	}
	low, high, err := statusRange(r.query.Get("status"))
	if err != nil {
		return nil, err
	}
	since, err := readSince("since", r.query.Get("since"))
	if err != nil {
		return nil, err
	}
	return func(x *api.Exchange) bool {
		if operation != "" {
			if ok, _ := path.Match(operation, x.Operation); !ok { // the pattern was checked
				return false
			}
		}
		return x.Status >= low && x.Status <= high && since(x)
	}, nil
}

// checkOperation returns an error for an id or a glob that matches no operation.
func (c *Control) checkOperation(pattern string) error {
	if pattern == "" {
		return nil
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return &strict.Error{Path: "operation", Detail: fmt.Sprintf("%q is not a pattern: %v", pattern, err)}
	}
	var ids []string
	for i := range c.Vendors {
		rows := c.Vendors[i].Service.Operations
		for k := range rows {
			ids = append(ids, rows[k].ID(), rows[k].Vendor+".*")
			if ok, _ := path.Match(pattern, rows[k].ID()); ok {
				return nil
			}
		}
	}
	return &strict.Error{Path: "operation", Detail: fmt.Sprintf("%q is not an operation", pattern) + nearest.Hint(pattern,
		ids),
		Valid: nearest.To(pattern, ids)}
}

func statusRange(text string) (low, high int, err error) {
	if text == "" {
		return 0, 999, nil
	}
	if len(text) == 3 && strings.HasSuffix(text, "xx") && text[0] >= '1' && text[0] <= '5' {
		low = int(text[0]-'0') * 100
		return low, low + 99, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 599 {
		return 0, 0, &strict.Error{Path: "status",
			Detail: fmt.Sprintf("%q is not a status; use 100 to 599 or a class, such as 4xx", text)}
	}
	return n, n, nil
}

// readSince returns a function that reports whether an exchange began after a request id, or at or after a time of the
// world's clock. An exchange that has no time yet is open, and counts as beginning now.
func readSince(path, text string) (func(*api.Exchange) bool, error) {
	if text == "" {
		return func(*api.Exchange) bool { return true }, nil
	}
	if n, ok := api.RequestNumber(text); ok {
		return func(x *api.Exchange) bool {
			m, _ := api.RequestNumber(x.ID)
			return m > n
		}, nil
	}
	from, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, &strict.Error{Path: path,
			Detail: fmt.Sprintf("%q is neither a request id, such as req-12, nor a time; use RFC 3339, such as %s",
				text, strict.ExampleTime)}
	}
	return func(x *api.Exchange) bool { return x.Open || !x.At.Before(from) }, nil
}

// worldNames returns the names of all worlds.
func (c *Control) worldNames() []string {
	names, _ := c.DB.WorldNames() // without valid names, the error is still useful
	return names
}

// jsonOf returns v as JSON with the given media type.
func jsonOf(contentType string, v any) (plain, error) {
	text, err := json.Marshal(v)
	return plain{contentType: contentType, text: append(text, '\n')}, err
}
