package simtest

import (
	"io"
	"net/http"
	"sync"

	"github.com/stretchr/testify/require"

	"storagesim/internal/openapi/openapitest"
)

// documents holds the OpenAPI documents of some vendors and of the control surface. They are read when first needed.
type documents struct {
	sync.Mutex

	list []*openapitest.Checker
}

// product holds the documents of the product's own vendors, which are the same in every simulator.
var product documents //nolint:gochecknoglobals // read once for all tests of a package

// readDocuments returns the documents that the simulator's responses are checked against.
func (s *Server) readDocuments() []*openapitest.Checker {
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
		// A test may have changed s.Client.
		resp, err := (&http.Client{Timeout: Patience}).Get(s.URL + "/_sim/openapi/" + name + ".json")
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

// check ends the test if a response does not conform to the document that has its path. Paths that no document has are
// not checked.
func (s *Server) check(req *http.Request, a Response) {
	s.tb.Helper()
	if a.Header.Get("X-Sim-Request-Id") == "" {
		return // from a server of the test itself, or from net/http
	}
	for _, document := range s.readDocuments() {
		known, err := document.Check(req.Method, req.URL.EscapedPath(),
			openapitest.Answer{Status: a.Status, Header: a.Header, Body: []byte(a.Body)})
		require.NoError(s.tb, err)
		if known {
			return
		}
	}
}
