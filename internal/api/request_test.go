package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/strict"
)

func TestServe_TokenInTheBodyNamesTheWorld(t *testing.T) {
	s := newServer(t, func(svc *api.Service) {
		svc.BodyToken = func(r *api.Request) string {
			return strings.Trim(strings.TrimPrefix(string(r.Body()), `{"name":`), `"}`)
		}
	})
	for name, c := range map[string]struct{ world, authorization, body, want string }{
		"body":                      {body: "sim.t1.x", want: "t1"},
		"header before body":        {world: "default", body: "sim.t1.x", want: "default"},
		"Authorization before body": {authorization: "Bearer sim.default.x", body: "sim.t1.x", want: "default"},
		"a token of somebody else":  {body: "x.t1.x", want: "default"},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest("GET", "/toys", strings.NewReader(`{"name":"`+c.body+`"}`))
			if c.world != "" {
				req.Header.Set(api.HeaderWorld, c.world)
			}
			req.Header.Set("Authorization", c.authorization)
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, req)
			require.Equal(t, 200, w.Code)
			require.Equal(t, c.want, w.Header().Get(api.HeaderWorld))
		})
	}
}

func TestServe_ReadOnlyPostRunsInAReadTransaction(t *testing.T) {
	s := newServer(t, func(svc *api.Service) {
		get := svc.Operations[2]
		get.Name, get.Method, get.Path, get.ReadOnly, get.EmptyLast = "AskToy", "POST", "/toys/{name}/ask", true, false
		svc.Operations = append(svc.Operations, get)
	})
	s.do("POST", "/toys", `{"name":"car"}`)
	require.Equal(t, 200, s.do("POST", "/toys/car/ask", "").Code) // the handler fails in a write transaction
}

// An error names a member by its JSON path, without the names of embedded structs.
func TestDecode_PathsWithoutEmbeddedStructs(t *testing.T) {
	type Inner struct {
		Size int `json:"size"`
	}
	type Part struct {
		Inner
		List []struct{ Inner } `json:"list"`
	}
	type document struct {
		Part
		Below struct{ Part } `json:"below"`
	}
	for body, path := range map[string]string{
		`{"size":"x"}`:                      "size",
		`{"below":{"size":"x"}}`:            "below.size",
		`{"below":{"list":[{"size":"x"}]}}`: "below.list.size",
	} {
		var d document
		require.EqualError(t, api.DecodePlain([]byte(body), &d), path+": must be a whole number in its range, not string")
		require.EqualError(t, strict.Decode([]byte(body), &d), path+": must be a whole number in its range, not string")
	}
}
