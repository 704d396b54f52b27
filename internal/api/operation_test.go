package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

func TestCheckRows(t *testing.T) {
	row := func(name, method, path string, also ...string) api.Operation {
		return api.Operation{Vendor: "v", Name: name, Method: method, Path: path, Also: also, Statuses: []int{200}}
	}
	for name, c := range map[string]struct {
		rows []api.Operation
		want string
	}{
		"good": {rows: []api.Operation{row("A", "GET", "/a/{x}"), row("B", "PUT", "/a/{y}"),
			row("C", "GET", "/a/{x}/c"), row("D", "GET", "/a/c")}},
		"same path": {[]api.Operation{row("A", "GET", "/a"), row("B", "GET", "/a")},
			"v.A and v.B have the same route GET /a"},
		"other names": {[]api.Operation{row("A", "GET", "/a/{UUID}/b"), row("B", "GET", "/a/{name.x}/b")},
			"v.A and v.B have the same route GET /a/{}/b"},
		"further path": {[]api.Operation{row("A", "GET", "/a"), row("B", "GET", "/b", "/c", "/a")},
			"v.A and v.B have the same route GET /a"},
		"with itself": {[]api.Operation{row("A", "GET", "/a/{x}", "/a/{y}")},
			"v.A and v.A have the same route GET /a/{}"},
		"same name":      {[]api.Operation{row("A", "GET", "/a"), row("A", "GET", "/b")}, "two operations are named v.A"},
		"without a name": {[]api.Operation{row("", "GET", "/a")}, "must be given"},
		"other vendor": {[]api.Operation{{Vendor: "w", Name: "A", Method: "GET", Path: "/a", Statuses: []int{200}}},
			"must be given"},
		"without success": {[]api.Operation{{Vendor: "v", Name: "A", Method: "GET", Path: "/a"}}, "must be given"},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.CheckRows(api.Service{Vendor: "v", Operations: c.rows})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
	a := api.Service{Vendor: "v", Operations: []api.Operation{row("A", "GET", "/a/{x}")}}
	b := api.Service{Vendor: "w",
		Operations: []api.Operation{{Vendor: "w", Name: "B", Method: "GET", Path: "/a/{y}", Statuses: []int{200}}}}
	require.ErrorContains(t, api.CheckRows(a, b), "v.A and w.B")
}

func TestOneRequestFault(t *testing.T) {
	op := &api.Operation{Vendor: "v", Name: "A", Statuses: []int{200, 404, 503}}
	for _, c := range []struct {
		fault  string
		prefer []string
		want   int
		bad    bool
	}{
		{},
		{fault: "503", want: 503}, {fault: " 404 ", want: 404}, {fault: "200"}, {fault: "500", bad: true}, {fault: "x",
			bad: true},
		{fault: "-503", bad: true}, {fault: "0", bad: true}, {fault: "99999999999999999999", bad: true},
		{prefer: []string{"code=503"}, want: 503}, {prefer: []string{`Code="404"`}, want: 404},
		{prefer: []string{"respond-async, wait=5; code=503"}, want: 503}, {prefer: []string{"respond-async", "code=503"},
			want: 503},
		{prefer: []string{"return=minimal"}}, {prefer: []string{"code=418"}, bad: true}, {prefer: []string{"encode=503"}},
		{fault: "404", prefer: []string{"code=503"}, want: 404},
		{fault: "502;force", want: 502}, {fault: "503; force", want: 503}, {fault: "302;force",
			bad: true}, {fault: "600;force", bad: true},
		{fault: "502;farce", bad: true}, {prefer: []string{"code=502;force"}, bad: true},
	} {
		h := http.Header{}
		if c.fault != "" {
			h.Set(api.HeaderFault, c.fault)
		}
		for _, line := range c.prefer {
			h.Add("Prefer", line)
		}
		status, err := api.OneRequestFault(op, h)
		require.Equal(t, c.want, status, "%+v", c)
		if !c.bad {
			require.NoError(t, err)
			continue
		}
		var invalid *api.InvalidFaultError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, []string{"200", "404", "503"}, invalid.Valid)
	}
}

func TestKindOf(t *testing.T) {
	for status, kind := range map[int]refusal.Kind{
		400: refusal.InvalidArgument, 401: refusal.Unauthenticated, 403: refusal.PermissionDenied, 404: refusal.NotFound,
		409: refusal.AlreadyExists, 412: refusal.FailedPrecondition, 429: refusal.ResourceExhausted,
		501: refusal.Unimplemented,
		503: refusal.Unavailable, 504: refusal.DeadlineExceeded, 500: refusal.Internal, 502: refusal.Internal,
		418: refusal.Unknown,
	} {
		require.Equal(t, kind, api.KindOf(status), status)
	}
}
