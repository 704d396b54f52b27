package apitest

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata from the documents")

// origin is where the documents lie beside a checkout.
var origin = filepath.Join("..", "..", "..", "..", "shared", "spec")

// TestSpec compares the copies in testdata with the documents, where these are at hand. They are written by
//
//	go test ./internal/api/apitest -run TestSpec -update
func TestSpec(t *testing.T) {
	if _, err := os.Stat(origin); err != nil {
		t.Skip("the documents are not beside the checkout")
	}
	for name, text := range map[string][]byte{
		"operations.json": compactOperations(t),
		"messages.json":   compactMessages(t),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(file, text, 0o644))
		}
		have, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(text), string(have), "%s differs from the documents: run with -update", name)
	}
}

func TestSpec_CountsTheRows(t *testing.T) {
	count := map[string]int{}
	for _, row := range Spec() {
		count[row.System]++
	}
	require.Equal(t, map[string]int{"lightbits": 109, "dms": 11, "lucidlink": 3, "lucidity": 1}, count)
}

type member struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func compactOperations(t *testing.T) []byte {
	var rows []struct {
		SpecRow

		Body      []member `json:"body"`
		Responses map[string]struct {
			Fields []member `json:"fields"`
		} `json:"responses"`
	}
	read(t, "operations.json", &rows)
	var buf bytes.Buffer
	for i := range rows {
		row := rows[i].SpecRow
		row.Body = names(rows[i].Body)
		for text, answer := range rows[i].Responses {
			status, err := strconv.Atoi(text)
			if err != nil {
				continue
			}
			row.Statuses = append(row.Statuses, status)
			if status < http.StatusBadRequest {
				row.Response = names(answer.Fields)
			}
		}
		slices.Sort(row.Statuses)
		text, err := json.Marshal(row)
		require.NoError(t, err)
		buf.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
		buf.Write(text)
	}
	buf.WriteString("\n]\n")
	return buf.Bytes()
}

func names(list []member) []string {
	var found []string
	for _, m := range list {
		found = append(found, m.Name)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// compactMessages keeps the messages that a response can contain.
func compactMessages(t *testing.T) []byte {
	var schema struct {
		RPCs []struct {
			Response string
			HTTP     []struct{ Method, Path string }
		} `json:"rpcs"`
		Messages map[string][]struct {
			member

			Repeated bool `json:"repeated"`
		} `json:"messages"`
	}
	read(t, "lightbits-schema.json", &schema)
	compact := Messages{Answers: map[string]string{}, Members: map[string]map[string]string{}}
	var add func(name string)
	add = func(name string) {
		if compact.Members[name] != nil {
			return
		}
		members := map[string]string{}
		compact.Members[name] = members
		for _, m := range schema.Messages[name] {
			typ := resolve(name, m.Type, func(n string) bool { return schema.Messages[n] != nil })
			mapped := ""
			if value, isMap := strings.CutPrefix(m.Type, "map<string,"); isMap {
				typ = resolve(name, strings.TrimSuffix(value, ">"), func(n string) bool { return schema.Messages[n] != nil })
				mapped = "map "
			}
			if typ != "" {
				add(typ)
			}
			members[m.Name] = map[bool]string{true: "*"}[m.Repeated] + mapped + typ
		}
	}
	for _, rpc := range schema.RPCs {
		add(rpc.Response)
		for _, h := range rpc.HTTP {
			compact.Answers[h.Method+" "+erase(h.Path)] = rpc.Response
		}
	}
	text, err := json.MarshalIndent(compact, "", " ")
	require.NoError(t, err)
	return append(text, '\n')
}

// resolve finds the message that a type name refers to within another message; "" if there is none.
func resolve(inside, typ string, known func(string) bool) string {
	for _, name := range []string{inside + "." + typ, typ} {
		if known(name) {
			return name
		}
	}
	if outer, _, nested := strings.Cut(inside, "."); nested && known(outer+"."+typ) {
		return outer + "." + typ
	}
	return ""
}

func read(t *testing.T, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(origin, name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, v))
}
