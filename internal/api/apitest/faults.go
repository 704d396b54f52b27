package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// undocumented is a status that no page of any vendor has.
const undocumented = "418"

// faults checks that every refusal that is documented or follows from state can be injected, in the vendor's body and
// with the marker, and changes nothing.
func (s *suite) faults(t *testing.T) {
	before := s.target.State(t)
	s.each(t, all, func(t *testing.T, op *api.Operation, path string) {
		url := unknown(path)
		for _, status := range op.Injectable() {
			if status < http.StatusBadRequest {
				continue
			}
			for _, ask := range []header{
				{api.HeaderFault, strconv.Itoa(status)},
				{"Prefer", fmt.Sprintf("respond-async, code=%d", status)},
			} {
				a := s.do(t, op.Method, url, s.body(op), ask)
				s.refused(t, status, a)
				require.NotEmpty(t, a.Header.Get(api.HeaderFault), "an injected response is marked by %s", api.HeaderFault)
			}
		}
		for _, ask := range []header{{api.HeaderFault, undocumented}, {"Prefer", "code=" + undocumented},
			{api.HeaderFault, "many"}} {
			s.refusesFault(t, op, s.do(t, op.Method, url, s.body(op), ask))
		}
	})
	require.Equal(t, before, s.target.State(t), "an injected response changes nothing")
}

// refusesFault checks that an invalid fault is refused with the valid ones.
func (s *suite) refusesFault(t *testing.T, op *api.Operation, a Response) {
	t.Helper()
	require.Equal(t, http.StatusBadRequest, a.Status)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	require.Empty(t, a.Header.Get(api.HeaderFault), "nothing was injected")
	var problem struct {
		Title, Detail string
		Status        int
		Valid         []string
	}
	require.NoError(t, json.Unmarshal(a.Body, &problem))
	require.Equal(t, http.StatusBadRequest, problem.Status)
	require.Contains(t, problem.Detail, op.ID())
	for _, status := range op.Injectable() {
		if status >= http.StatusBadRequest {
			require.Contains(t, problem.Valid, strconv.Itoa(status))
		}
	}
}
