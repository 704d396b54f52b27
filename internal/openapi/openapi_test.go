package openapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/openapi/openapitest"
	"storagesim/internal/simulator/simtest"
)

func documentsOf(t *testing.T) map[string]string {
	t.Helper()
	s, texts := simtest.New(t), map[string]string{}
	for _, name := range []string{"lightbits", "dms", "lucidlink", "lucidity", "control"} {
		a := s.Must(http.StatusOK, http.MethodGet, "/_sim/openapi/"+name+".json", "")
		require.Equal(t, "application/json", a.Header.Get("Content-Type"))
		require.Equal(t, "3.1.0", a.Get(".openapi"))
		texts[name] = a.Body
	}
	return texts
}

func TestDocuments_SameBytesInEveryProgram(t *testing.T) {
	first, second := documentsOf(t), documentsOf(t)
	require.Equal(t, first, second)
}

func TestDocuments_ExamplesAreWhatTheSchemasSay(t *testing.T) {
	for name, text := range documentsOf(t) {
		c, err := openapitest.Read([]byte(text))
		require.NoError(t, err)
		n, err := c.Examples()
		require.NoError(t, err, name)
		require.Greater(t, n, 5, name)
	}
}

func TestDocuments_UnknownVendor(t *testing.T) {
	a := simtest.New(t).Must(http.StatusNotFound, http.MethodGet, "/_sim/openapi/ceph.json", "")
	require.JSONEq(t, `["control","lightbits","dms","lucidlink","lucidity"]`, fmt.Sprint(a.Text(".valid")))
}

// Every listed operation is in its document, with all of its statuses, on each of its paths.
func TestDocuments_EveryOperationWithItsStatuses(t *testing.T) {
	s, texts := simtest.New(t), documentsOf(t)
	header := http.Header{"Content-Type": {"image/png"}}
	checked := 0
	for _, query := range []string{"", "?vendor=control"} {
		list := s.Must(http.StatusOK, http.MethodGet, "/_sim/operations"+query, "").Get(".operations").([]any)
		for _, one := range list {
			op := one.(map[string]any)
			c, err := openapitest.Read([]byte(texts[op["vendor"].(string)]))
			require.NoError(t, err)
			require.Empty(t, c.Missing(op["method"].(string), op["path"].(string), op["statuses"].([]any)), "%v", op["id"])
			known, err := c.Check(op["method"].(string), op["path"].(string),
				openapitest.Answer{Status: 418, Header: header, Body: []byte("x")})
			require.True(t, known, "%v", op["id"])
			require.Error(t, err, "%v", op["id"])
			checked++
		}
	}
	require.Greater(t, checked, 190)
}

// The causes that explain returns and the events of the stream have schemas.
func TestDocuments_CausesAndEvents(t *testing.T) {
	s := simtest.New(t)
	document := s.Must(http.StatusOK, http.MethodGet, "/_sim/openapi/control.json", "")
	require.Equal(t, "#/components/schemas/RefusalCause",
		document.Text(".components.schemas.Explanation.properties.cause.$ref"))
	cause := document.Get(".components.schemas.RefusalCause").(map[string]any)
	require.Equal(t, []any{"kind"}, cause["required"])
	require.Contains(t, document.Get(".components.schemas.RefusalCause.properties.kind.enum"), "guard")
	stream := document.Get(".paths").(map[string]any)["/_sim/events"].(map[string]any)["get"].(map[string]any)["responses"].(map[string]any)["200"]
	events := stream.(map[string]any)["content"].(map[string]any)["text/event-stream"].(map[string]any)["x-events"]
	for _, kind := range []string{"request", "transition", "fault", "clock", "dropped"} {
		require.Contains(t, events, kind)
	}
}

// The values that a document lists are the valid values that a refusal of another value names.
func TestDocuments_ClosedListsAreWhatRefusalsName(t *testing.T) {
	s := simtest.New(t)
	document := s.Must(http.StatusOK, http.MethodGet, "/_sim/openapi/control.json", "")
	for _, c := range []struct{ method, path, body, member string }{
		{http.MethodPut, "/_sim/clock", `{"mode":"frozn"}`, ".components.schemas.SetClockRequest.properties.mode"},
		{http.MethodPost, "/_sim/faults", `{"match":{},"effect":{"status":500},"phase":"during"}`,
			".components.schemas.FaultRuleInput.properties.phase"},
		{http.MethodPost, "/_sim/faults", `{"match":{},"effect":{"connection":"rest"}}`,
			".components.schemas.FaultEffectInput.properties.connection"},
	} {
		refused := s.Must(http.StatusBadRequest, c.method, c.path, c.body)
		require.NotEmpty(t, refused.Get(".valid"), c.member)
		require.Equal(t, refused.Get(".valid"), document.Get(c.member+".enum"), c.member)
	}
}

// Bodies of other types than JSON are in the document. A generated client could not send or read them otherwise.
func TestDocuments_OtherForms(t *testing.T) {
	s := simtest.New(t)
	c := s.Must(http.StatusOK, http.MethodGet, "/_sim/openapi/control.json", "")
	paths := c.Get(".paths").(map[string]any)
	content := func(path, method string, names ...string) map[string]any {
		v := paths[path].(map[string]any)[method]
		for _, name := range names {
			v = v.(map[string]any)[name]
		}
		return v.(map[string]any)["content"].(map[string]any)
	}
	require.Contains(t, content("/_sim/state", "put", "requestBody"), "application/yaml")
	require.Contains(t, content("/_sim/scenarios", "post", "requestBody"), "application/yaml")
	require.Contains(t, content("/_sim/state", "get", "responses", "200"), "application/yaml")
	archive := content("/_sim/requests", "get", "responses", "200")["application/har+json"].(map[string]any)["schema"]
	require.Equal(t, map[string]any{"$ref": "#/components/schemas/HarFile"}, archive)
	s.Must(http.StatusOK, http.MethodGet, "/api/v2/nodes", "", "Authorization", "Bearer x")
	s.Must(http.StatusOK, http.MethodGet, "/_sim/requests", "", "Accept", "application/har+json") // is checked against it
}

// The body of StartScenario has a schema down to the members of its steps.
func TestDocuments_ScenarioSchema(t *testing.T) {
	document := simtest.New(t).Must(http.StatusOK, http.MethodGet, "/_sim/openapi/control.json", "")
	request := ".components.schemas.StartScenarioRequest"
	require.Equal(t, "#/components/schemas/ScenarioStepInput", document.Text(request+".properties.steps.items.$ref"))
	require.JSONEq(t, `["name","steps"]`, document.Text(request+".required"))
	require.Len(t, document.Get(".components.schemas.ScenarioStepInput.properties.after.anyOf"), 3)
}
