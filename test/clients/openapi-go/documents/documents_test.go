package documents_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/test/clients/openapi-go/documents"
)

// text returns a document that run.sh has fetched.
func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../generated/" + name + "/openapi.json")
	require.NoError(t, err, "run.sh fetches the documents")
	return string(b)
}

func TestDocuments_Valid(t *testing.T) {
	for _, name := range []string{"control", "lightbits", "dms", "lucidlink", "lucidity"} {
		require.NoError(t, documents.Validate(t.Context(), []byte(text(t, name))), name)
	}
}

// Documents with one fault each.
func TestDocuments_BrokenOnesAreRefused(t *testing.T) {
	good := text(t, "control")
	for _, one := range []struct{ old, new, says string }{
		{`"openapi":"3.1.0"`, `"openapi":"3.0.3"`, "it is of OpenAPI 3.0.3"},
		{`"in":"path"`, `"in":"heaven"`, "heaven"},
		{`{"$ref":"#/components/schemas/Problem"}`, `{"$ref":"#/components/schemas/Nobody"}`, "Nobody"},
		{`"operationId":"GetClock"`, `"operationId":"SetClock"`, "SetClock"},
		{`"type":"string"`, `"type":"text"`, "text"},
	} {
		require.Contains(t, good, one.old)
		require.ErrorContains(t, documents.Validate(t.Context(), []byte(strings.Replace(good, one.old, one.new, 1))),
			one.says, one.new)
	}
}
