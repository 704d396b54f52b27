package simtest

import (
	"net/http"

	"github.com/stretchr/testify/require"

	"storagesim/internal/control/explaintest"
)

// Explained says that a vendor's refusal can be explained as explaintest.Check wants it. Answers that are no refusal pass.
func (s *Server) Explained(a Answer) {
	s.tb.Helper()
	if !explaintest.Refused(a.Status) {
		return
	}
	id := a.Header.Get("X-Sim-Request-Id")
	require.NotEmpty(s.tb, id, "the answer %d %s is not marked", a.Status, a.Body)
	e := s.Must(http.StatusOK, http.MethodGet, "/_sim/requests/"+id+"/explain", "", "Authorization", "")
	_, err := explaintest.Check(a.Status, a.Header.Get("X-Sim-Fault") != "", []byte(e.Body))
	require.NoError(s.tb, err, "%d %s", a.Status, a.Body)
}
