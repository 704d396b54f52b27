package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// fileWorld is the world of a simulator as a file.
type fileWorld struct {
	t   *testing.T
	url string
}

func (f *fileWorld) call(method, path, body string) (status int, text []byte) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	require.NoError(f.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	return resp.StatusCode, text
}

// fill sends the example of each operation that creates something.
func (f *fileWorld) fill(parts []api.Vendor) {
	f.t.Helper()
	status, text := f.call(http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	require.Equal(f.t, 200, status, string(text))
	for i := range parts {
		for _, op := range parts[i].Service.Operations {
			example := parts[i].Service.Contract.Examples[op.Name]
			if op.Method != http.MethodPost || example.Body == "" {
				continue
			}
			path := op.Path
			for name, value := range example.Path {
				path = strings.NewReplacer("{"+name+"}", value).Replace(path)
			}
			status, text := f.call(op.Method, path, example.Body)
			require.NotEqual(f.t, 500, status, "%s: %s", op.ID(), text)
			f.call(http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
		}
	}
}

// document returns the world as a file, as generic values.
func (f *fileWorld) document() (document map[string]any) {
	f.t.Helper()
	status, text := f.call(http.MethodGet, "/_sim/state", "")
	require.Equal(f.t, 200, status, string(text))
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	require.NoError(f.t, dec.Decode(&document))
	return document
}

// spaces returns the rows of the world and of its clusters, by their paths.
func spaces(document map[string]any) map[string]map[string]any {
	state := document["state"].(map[string]any)
	list := map[string]map[string]any{"state.world": state["world"].(map[string]any)}
	for i, c := range state["clusters"].([]any) {
		list[fmt.Sprintf("state.clusters[%d].rows", i)] = c.(map[string]any)["rows"].(map[string]any)
	}
	return list
}

var step = regexp.MustCompile(`[^.\[\]]+`)

// replaceAt replaces the string at a path below v.
func replaceAt(t *testing.T, v any, path, value string) {
	t.Helper()
	steps := step.FindAllString(path, -1)
	for i, s := range steps {
		switch at := v.(type) {
		case map[string]any:
			if i == len(steps)-1 {
				at[s] = value
				return
			}
			v = at[s]
		case []any:
			n, err := strconv.Atoi(s)
			require.NoError(t, err)
			if i == len(steps)-1 {
				at[n] = value
				return
			}
			v = at[n]
		}
	}
}

// A world file in which a member names a row that does not exist is refused with the member's path, for each reference
// of each vendor.
func TestState_DanglingReferences(t *testing.T) {
	config := Default()
	config.Listen, config.TLSListen, config.Data, config.Auth = "127.0.0.1:0", "", t.TempDir(), string(api.AuthOff)
	sim, err := New(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sim.Close(t.Context())) })
	require.NoError(t, sim.Open())
	f := &fileWorld{t: t, url: sim.URL()}
	parts := vendors(config)
	f.fill(parts)
	before, err := json.Marshal(f.document())
	require.NoError(t, err)
	status, text := f.call(http.MethodPut, "/_sim/state", string(before))
	require.Equal(t, 200, status, string(text))

	tried := map[string]int{}
	for i := range parts {
		vendor := parts[i].Service.Vendor
		for _, r := range parts[i].References {
			path := f.dangle(&r)
			if path == "" {
				t.Logf("the world has no %s of %s", r.Member, r.From)
				continue
			}
			tried[vendor]++
		}
	}
	require.GreaterOrEqual(t, tried["lightbits"], 12)
	require.GreaterOrEqual(t, tried["lucidlink"], 4)
	require.GreaterOrEqual(t, tried["lucidity"], 1)
	require.GreaterOrEqual(t, tried["dms"], 2)
	after, err := json.Marshal(f.document())
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "a document that is refused changes nothing")
}

// dangle loads the world with the first value of the reference replaced, which must be refused. It returns the path of
// the value, or "" if the world has none.
func (f *fileWorld) dangle(r *api.Reference) string {
	f.t.Helper()
	document := f.document()
	for at, rows := range spaces(document) {
		list, _ := rows[r.From].([]any)
		for i, row := range list {
			text, err := json.Marshal(row)
			require.NoError(f.t, err)
			found := r.IDs(text)
			if len(found) == 0 {
				continue
			}
			last := found[len(found)-1]
			replaceAt(f.t, row, last.Path, "nobody")
			changed, err := json.Marshal(document)
			require.NoError(f.t, err)
			status, answer := f.call(http.MethodPut, "/_sim/state", string(changed))
			path := fmt.Sprintf("%s.%s[%d].%s", at, r.From, i, last.Path)
			require.Equal(f.t, 400, status, "%s: %s", path, answer)
			require.Contains(f.t, string(answer), fmt.Sprintf(`"path":%q,"detail":"there is no %s \"nobody\"`, path, r.To),
				path)
			return path
		}
	}
	return ""
}
