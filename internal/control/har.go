package control

import (
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
)

// harType is the media type of an HTTP Archive (HAR 1.2). GET /_sim/requests returns one if Accept asks for it.
const harType = "application/har+json"

type (
	harFile struct {
		Log harLog `json:"log"`
	}
	harLog struct {
		Version string     `json:"version"`
		Creator harCreator `json:"creator"`
		Comment string     `json:"comment,omitempty"`
		Entries []harEntry `json:"entries"` // the last member: see writeRequests
	}
	harCreator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harEntry struct {
		Started  time.Time   `json:"startedDateTime"` // on the wall clock
		Time     float64     `json:"time"`            // milliseconds
		Request  harRequest  `json:"request"`
		Response harResponse `json:"response"`
		Cache    struct{}    `json:"cache"`
		Timings  harTimings  `json:"timings"`
		Comment  string      `json:"comment,omitempty"`
		// Members that HAR does not define. It reserves names with an underscore for extensions.
		ID        string    `json:"_id"`
		World     string    `json:"_world"`
		At        time.Time `json:"_at"`
		Operation string    `json:"_operation,omitempty"`
		Fault     string    `json:"_fault,omitempty"`
		Open      bool      `json:"_open,omitempty"`
	}
	harRequest struct {
		Method      string    `json:"method"`
		URL         string    `json:"url"`
		Version     string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		Query       []harPair `json:"queryString"`
		PostData    *harPost  `json:"postData,omitempty"`
		HeadersSize int       `json:"headersSize"` // -1 for unknown
		BodySize    int       `json:"bodySize"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		Text        string     `json:"statusText"`
		Version     string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		Redirect    string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harPost struct {
		Type   string    `json:"mimeType"`
		Params []harPair `json:"params"`
		Text   string    `json:"text"`
	}
	harContent struct {
		Size    int    `json:"size"`
		Type    string `json:"mimeType"`
		Text    string `json:"text,omitempty"`
		Comment string `json:"comment,omitempty"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
)

// wantsHAR reports whether the Accept header lists HAR before JSON.
func wantsHAR(req *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(req.Header.Values("Accept"), ","), ",") {
		switch kind, _, _ := mime.ParseMediaType(part); kind {
		case harType:
			return true
		case "application/json":
			return false
		}
	}
	return false
}

// harHead returns a HAR file without entries. Dropped is the number of exchanges that the journal no longer has.
func (c *Control) harHead(dropped uint64) harLog {
	head := harLog{Version: "1.2", Creator: harCreator{Name: "storagesim", Version: c.Version}}
	if dropped > 0 {
		head.Comment = strconv.FormatUint(dropped, 10) + " earlier exchanges were dropped because the journal is full"
	}
	head.Entries = []harEntry{}
	return head
}

func harOf(x *api.Exchange) harEntry {
	took := float64(x.Took) / float64(time.Millisecond)
	return harEntry{
		Started: x.Started, Time: took, Timings: harTimings{Wait: took}, Request: harRequestOf(x), Response: harResponseOf(x),
		Comment: x.Hint, ID: x.ID, World: x.World, At: x.At, Operation: x.Operation, Fault: x.Fault, Open: x.Open,
	}
}

func harRequestOf(x *api.Exchange) harRequest {
	scheme := "http://"
	if x.TLS {
		scheme = "https://"
	}
	r := harRequest{
		Method: x.Method, URL: scheme + x.Host + x.URL, Version: x.Proto, Cookies: []harPair{}, Headers: harHeaders(x.Header),
		Query: []harPair{}, HeadersSize: -1, BodySize: len(x.Body) + x.BodyCut,
	}
	if target, err := url.ParseRequestURI(x.URL); err == nil {
		r.Query = harPairs(target.Query())
	}
	if x.Body != "" {
		r.PostData = &harPost{Type: x.Header.Get("Content-Type"), Params: []harPair{}, Text: x.Body}
	}
	return r
}

func harResponseOf(x *api.Exchange) harResponse {
	r := harResponse{
		Status: x.Status, Text: http.StatusText(x.Status), Version: x.Proto, Cookies: []harPair{}, Headers: harHeaders(
			x.AnswerHeader),
		HeadersSize: -1, BodySize: len(x.Answer) + x.AnswerCut,
		Content: harContent{Size: len(x.Answer) + x.AnswerCut, Type: x.AnswerHeader.Get("Content-Type"), Text: x.Answer},
	}
	if x.AnswerCut > 0 {
		r.Content.Comment = strconv.Itoa(x.AnswerCut) + " bytes at the end were not stored"
	}
	return r
}

func harHeaders(h http.Header) []harPair { return harPairs(url.Values(h)) }

// harPairs lists names and values, sorted by name.
func harPairs(values url.Values) []harPair {
	list := []harPair{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] {
			list = append(list, harPair{Name: name, Value: v})
		}
	}
	return list
}
