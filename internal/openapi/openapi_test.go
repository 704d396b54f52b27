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
		require.Greater(t, n, 10, name)
	}
}

func TestDocuments_UnknownVendor(t *testing.T) {
	a := simtest.New(t).Must(http.StatusNotFound, http.MethodGet, "/_sim/openapi/ceph.json", "")
	require.JSONEq(t, `["control","lightbits","dms","lucidlink","lucidity"]`, fmt.Sprint(a.Text(".valid")))
}

// Every listed operation is in its document, with all of its statuses, under each of its paths.
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
			known, err := c.Check(op["method"].(string), op["path"].(string), openapitest.Answer{Status: 418, Header: header, Body: []byte("x")})
			require.True(t, known, "%v", op["id"])
			require.Error(t, err, "%v", op["id"])
			checked++
		}
	}
	require.Greater(t, checked, 190)
}
