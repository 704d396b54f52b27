package control

import (
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

// defaultRequests is the default limit of a listing, which returns the latest exchanges.
const defaultRequests = 1000

type requestList struct {
	Requests []api.Exchange `json:"requests"`
	Dropped  uint64         `json:"dropped"` // because the journal was full, since it was last cleared
}

func listRequests(c *Control, r *call) (reply[requestList], error) {
	keep, err := c.requestFilter(r)
	if err != nil {
		return reply[requestList]{}, err
	}
	limit, err := r.limit(defaultRequests)
	if err != nil {
		return reply[requestList]{}, err
	}
	found, dropped := c.Journal.List(limit, keep)
	list := requestList{Requests: []api.Exchange{}, Dropped: dropped}
	for _, x := range found {
		list.Requests = append(list.Requests, x.Redacted())
	}
	if wantsHAR(r.http) {
		text, err := jsonOf(harType, archive(c.Version, &list))
		return reply[requestList]{value: text}, err
	}
	return reply[requestList]{value: list}, nil
}

func getRequest(c *Control, r *call) (api.Exchange, error) {
	id := r.param("id")
	found, _ := c.Journal.List(1, func(x *api.Exchange) bool { return x.ID == id })
	if len(found) == 0 {
		return api.Exchange{}, &Problem{Status: http.StatusNotFound,
			Detail: fmt.Sprintf("request %q is not in the journal", id)}
	}
	return found[0].Redacted(), nil
}

func deleteRequests(c *Control, _ *call) (api.Empty, error) {
	c.Journal.Clear()
	return api.Empty{}, nil
}

// requestFilter reads the query: operation is an id or a glob, status a number or a class such as 4xx, since a request
// id or a time of the world's clock. Without world, exchanges of all worlds match.
func (c *Control) requestFilter(r *call) (func(*api.Exchange) bool, error) {
	operation, world := r.query.Get("operation"), r.query.Get("world")
	if err := c.checkOperation(operation); err != nil {
		return nil, err
	}
	if world != "" && !api.GoodLabel(world) {
		return nil, &strict.Error{Path: "world", Detail: fmt.Sprintf("%q is not a valid name of a world", world),
			Valid: c.worldNames()}
	}
	low, high, err := statusRange(r.query.Get("status"))
	if err != nil {
		return nil, err
	}
	since, err := readSince(r.query.Get("since"))
	if err != nil {
		return nil, err
	}
	return func(x *api.Exchange) bool {
		if operation != "" {
			if ok, _ := path.Match(operation, x.Operation); !ok { // the pattern was checked
				return false
			}
		}
		return (world == "" || world == x.World) && x.Status >= low && x.Status <= high && since(x)
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
	return &strict.Error{Path: "operation", Detail: fmt.Sprintf("%q is not an operation", pattern) + nearest.Hint(pattern, ids),
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

func readSince(text string) (func(*api.Exchange) bool, error) {
	if text == "" {
		return func(*api.Exchange) bool { return true }, nil
	}
	if n, ok := requestNumber(text); ok {
		return func(x *api.Exchange) bool {
			m, _ := requestNumber(x.ID)
			return m > n
		}, nil
	}
	from, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, &strict.Error{Path: "since",
			Detail: fmt.Sprintf("%q is neither a request id, such as req-12, nor a time; use RFC 3339, such as %s",
				text, strict.ExampleTime)}
	}
	return func(x *api.Exchange) bool { return !x.At.Before(from) }, nil
}

func requestNumber(id string) (uint64, bool) {
	digits, ok := strings.CutPrefix(id, "req-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil
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
