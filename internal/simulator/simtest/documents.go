package simtest

import (
	"io"
	"net/http"
	"sync"

	"github.com/stretchr/testify/require"

	"storagesim/internal/openapi/openapitest"
)

// documents are the OpenAPI documents of some vendors and of the control surface, read when something is first asked.
type documents struct {
	sync.Mutex

	list []*openapitest.Checker
}

// product are those of the product's own vendors, which are the same in every simulator.
var product documents //nolint:gochecknoglobals // read once for all tests of a package

// checked answers the documents that the simulator's answers are checked against.
func (s *Server) checked() []*openapitest.Checker {
	s.tb.Helper()
	d, names := &product, []string{"lightbits", "dms", "lucidlink", "lucidity", "control"}
	if s.config.Vendors != nil {
		d, names = s.own, []string{"control"}
		for i := range s.config.Vendors {
			names = append(names, s.config.Vendors[i].Service.Vendor)
		}
	}
	d.Lock()
	defer d.Unlock()
	if d.list != nil {
		return d.list
	}
	for _, name := range names {
		resp, err := (&http.Client{Timeout: Patience}).Get(s.URL + "/_sim/openapi/" + name + ".json") // not the test's client, which may have been changed
		require.NoError(s.tb, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(s.tb, err)
		resp.Body.Close()
		require.Equal(s.tb, http.StatusOK, resp.StatusCode, "%s", text)
		document, err := openapitest.Read(text)
		require.NoError(s.tb, err)
		d.list = append(d.list, document)
	}
	return d.list
}

// check ends the test when an answer is not as the documents say, on whatever port it came: plain, TLS or a world's own. A
// path that none of them has is nobody's.
func (s *Server) check(req *http.Request, a Answer) {
	s.tb.Helper()
	if a.Header.Get("X-Sim-Request-Id") == "" {
		return // a server of the test's own, or what net/http refuses by itself
	}
	for _, document := range s.checked() {
		known, err := document.Check(req.Method, req.URL.EscapedPath(),
			openapitest.Answer{Status: a.Status, Header: a.Header, Body: []byte(a.Body)})
		require.NoError(s.tb, err)
		if known {
			return
		}
	}
}
