package apitest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/openapi/openapitest"
)

// lacking matches the refusal of a missing member; choice matches one that lists alternatives.
var (
	lacking = regexp.MustCompile(`\b(is|are) (missing|required)\b|must be given`)
	choice  = regexp.MustCompile(`\bor\b|\bone of\b`)
)

// Lacks reports whether a refusal says that one certain member is missing.
func Lacks(status int, body []byte) bool {
	return status == http.StatusBadRequest && lacking.Match(body) && !choice.Match(body)
}

// required checks that the absence of each member that the document requires is refused for that reason, and that a
// body with only the required members is not.
func (s *suite) required(t *testing.T) {
	s.each(t, (*api.Operation).Implemented, func(t *testing.T, op *api.Operation, path string) {
		url := fill(path, func(name string) string {
			switch name {
			case "projectName":
				return "default"
			case "port":
				return "22"
			}
			return unknownID
		})
		body := s.document.Body(op.Method, url)
		if body == nil {
			return
		}
		send := func(v any) Response {
			return s.do(t, op.Method, url, body.Text(v), header{"Content-Type", body.Media})
		}
		var bases []any
		if at := s.good(op); at >= 0 {
			var good any
			require.NoError(t, json.Unmarshal([]byte(s.Good[at].Body), &good))
			bases = append(bases, good)
		}
		for _, member := range body.Required {
			name, told := strings.Join(member, "."), false
			for _, base := range append(bases, body.With(member)) {
				less, had := openapitest.Without(base, member)
				if !had {
					continue
				}
				whole, without := send(base), send(less)
				require.Equal(t, http.StatusBadRequest, without.Status, "%s without %s: %s", op.ID(), name, without.Body)
				told = told || message(t, whole.Body) != message(t, without.Body)
			}
			require.True(t, told, "%s is refused without %s as it is with it", op.ID(), name)
		}
		enough := body.Least
		if form := s.Either[op.Name]; form != "" {
			enough = body.With([]string{form, ""})
		}
		least := send(enough)
		require.False(t, Lacks(least.Status, least.Body), "%s with nothing but the required members: %s", op.ID(), least.Body)
	})
}

// message is a response without the parts that differ in each response.
func message(tb testing.TB, body []byte) string {
	tb.Helper()
	if len(body) == 0 {
		return ""
	}
	var o any
	require.NoError(tb, json.Unmarshal(body, &o), "%s", body)
	members, is := o.(map[string]any)
	if !is {
		return string(body)
	}
	for _, name := range []string{"trackingCode", "requestId"} {
		delete(members, name)
	}
	text, err := json.Marshal(members)
	require.NoError(tb, err)
	return string(text)
}
