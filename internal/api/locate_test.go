package api_test

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

func TestLocate(t *testing.T) {
	jwt := func(payload string) string {
		return "h." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".s"
	}
	minted := jwt(`{"sim_world":"byjwt"}`)
	for name, c := range map[string]struct {
		host, world, cluster, authorization string
		listener                            api.Place
		want                                api.Place
		elsewhere                           string
	}{
		"nothing": {want: api.Place{World: "default"}},
		"header before all": {host: "h.localhost", world: "a", authorization: minted,
			want: api.Place{World: "a"}},
		"token before host": {host: "h.localhost", authorization: "Bearer " + minted,
			want: api.Place{World: "byjwt"}},
		"header of another world on a port": {world: "a", listener: api.Place{World: "l"},
			want: api.Place{World: "l"}, elsewhere: "a"},
		"token of another world on a port": {authorization: minted, listener: api.Place{World: "l"},
			want: api.Place{World: "l"}, elsewhere: "byjwt"},
		"header of the port's world": {world: "l", authorization: minted, listener: api.Place{World: "l"},
			want: api.Place{World: "l"}},
		"token without a scheme":  {authorization: minted, want: api.Place{World: "byjwt"}},
		"scheme in any case":      {authorization: "bEARER " + minted, want: api.Place{World: "byjwt"}},
		"opaque token":            {authorization: "sim.t2.secret", want: api.Place{World: "t2"}},
		"opaque without a secret": {authorization: "sim.t2", want: api.Place{World: "default"}},
		"foreign token":           {authorization: jwt(`{"sub":"x"}`), want: api.Place{World: "default"}},
		"claim in another case":   {authorization: jwt(`{"SIM_WORLD":"x"}`), want: api.Place{World: "default"}},
		"claim of another type":   {authorization: jwt(`{"sim_world":7}`), want: api.Place{World: "default"}},
		"no JSON in the token":    {authorization: jwt(`{`), want: api.Place{World: "default"}},
		"no base64 in the token":  {authorization: "a.%.c", want: api.Place{World: "default"}},
		"endless token": {authorization: jwt(`{"sim_world":"x","p":"` + strings.Repeat("x", 9000) + `"}`),
			want: api.Place{World: "default"}},
		"host of another world on a port": {host: "t1.localhost:8080", listener: api.Place{World: "l", Cluster: "c"},
			want: api.Place{World: "l", Cluster: "c"}, elsewhere: "t1"},
		"host with a cluster":    {host: "West.T1.localhost.", want: api.Place{World: "t1", Cluster: "west"}},
		"host too deep":          {host: "a.b.c.localhost", want: api.Place{World: "a.b.c."}},
		"host with empty labels": {host: "..localhost", want: api.Place{World: ".."}},
		"plain localhost":        {host: "localhost", want: api.Place{World: "default"}},
		"placeholder host":       {host: "dms-load-balanced", want: api.Place{World: "default"}},
		"host of another domain": {host: "t1.localhost.example", want: api.Place{World: "default"}},
		"IPv6":                   {host: "[::1]:80", want: api.Place{World: "default"}},
		"listener": {listener: api.Place{World: "l", Cluster: "c"},
			want: api.Place{World: "l", Cluster: "c"}},
		"cluster header before it": {cluster: "x", host: "west.t1.localhost", listener: api.Place{Cluster: "c"},
			want: api.Place{World: "t1", Cluster: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest("GET", "/", nil)
			req.Host = c.host
			for header, value := range map[string]string{api.HeaderWorld: c.world, api.HeaderCluster: c.cluster,
				"Authorization": c.authorization} {
				if value != "" {
					req.Header.Set(header, value)
				}
			}
			got := api.Locate(req, c.listener)
			require.Equal(t, c.elsewhere, got.Elsewhere())
			require.Equal(t, c.want, api.Place{World: got.World, Cluster: got.Cluster})
			req = req.WithContext(api.WithListener(req.Context(), c.listener))
			require.Equal(t, c.listener, api.ListenerPlace(req.Context()))
		})
	}
	require.Zero(t, api.ListenerPlace(t.Context()))
}
