package storagesim_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim"
	"storagesim/lightbits"
)

func TestStart_WorldsAreIsolated(t *testing.T) {
	for n := range 20 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			w := storagesim.Start(t)
			volume(t, w, "vol1") // the name is free in every world
			require.Equal(t, http.StatusConflict, create(t, w, "vol1").StatusCode)
			w.Expect(storagesim.Calls(lightbits.CreateVolume).Exactly(2))
		})
	}
}

func TestStart_TheWorldEndsWithTheTest(t *testing.T) {
	var url, name string
	outcome := observe(func(tb storagesim.TB) {
		w := storagesim.Start(tb)
		url, name = w.URL, w.Name
	})
	require.False(t, outcome.failed)
	w := storagesim.Start(t)
	require.NotEqual(t, name, w.Name)
	gone, err := try(http.DefaultClient, http.MethodGet, url+"/api/v2/cluster", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, gone.StatusCode, gone.text)
}

func TestStart_APassingTestLogsNothing(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		w := storagesim.Start(tb, storagesim.ExpectNoUnexpected())
		create(t, w, "left behind") // refused: the name has a blank
		create(t, w, "left")
	})
	require.Equal(t, []bool{false, false}, []bool{outcome.failed, outcome.ended})
	require.Empty(t, outcome.logs)
}

// Clients reach the world by its URL, by the header that World.Client sends, by a token, and by a port of its own.
func TestWorld_WaysToReachIt(t *testing.T) {
	w := storagesim.Start(t, storagesim.OwnPort())
	other := storagesim.Start(t)
	volume(t, w, "mine")
	token := "Bearer " + w.Lightbits().Token("", 0)
	shared := other.URL[:len(other.URL)-len("/_sim/in/"+other.Name)]
	authorities := x509.NewCertPool()
	require.True(t, authorities.AppendCertsFromPEM(w.CA))
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}}
	defer trusting.CloseIdleConnections()
	const path = "/api/v2" + volumes + "/?name=mine"
	for name, c := range map[string]struct {
		client *http.Client
		url    string
		header []string
		status int
	}{
		"port":             {http.DefaultClient, w.URL + path, nil, 200},
		"address":          {http.DefaultClient, "http://" + w.Addr + path, nil, 200},
		"header":           {w.Client, shared + path, nil, 200},
		"token":            {http.DefaultClient, shared + path, []string{"Authorization", token}, 200},
		"TLS":              {trusting, w.TLSURL + path, nil, 200},
		"TLS, own client":  {w.Client, w.TLSURL + path, nil, 200},
		"another's URL":    {http.DefaultClient, other.URL + path, nil, 404},
		"another's client": {other.Client, shared + path, nil, 404},
	} {
		got, err := try(c.client, http.MethodGet, c.url, "", c.header...)
		require.NoError(t, err, name)
		require.Equal(t, c.status, got.StatusCode, "%s: %s", name, got.text)
	}
}

// A client that calls other servers too tells them nothing of the world.
func TestWorld_ClientLeavesOtherHostsAlone(t *testing.T) {
	w, other := storagesim.Start(t), storagesim.Start(t, storagesim.OwnPort())
	got, err := try(w.Client, http.MethodGet, other.URL+"/api/v2/cluster", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.StatusCode, "with the header, the port would refuse it: %s", got.text)
}

func TestAccess_EveryVendor(t *testing.T) {
	w := storagesim.Start(t, storagesim.StrictAuth())
	for name, c := range map[string]struct {
		access storagesim.Access
		path   string
		header func(token string) []string
	}{
		"Lightbits": {w.Lightbits(), "/cluster", bearer},
		"DMS":       {w.DMS(), "/clusters", bearer},
		"LucidLink": {w.LucidLink(), "/domains", bearer},
		"Lucidity": {w.Lucidity(), "/client/api/v1/tenants", func(token string) []string {
			return []string{"X-Authtype", "lucidity_access_token", "Authorization", token}
		}},
	} {
		refused, err := try(w.Client, http.MethodGet, c.access.URL+c.path, "", c.header("wrong")...)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, refused.StatusCode, "%s: %s", name, refused.text)
		got, err := try(w.Client, http.MethodGet, c.access.URL+c.path, "", c.header(c.access.Token("", 0))...)
		require.NoError(t, err)
		require.Less(t, got.StatusCode, 300, "%s: %s", name, got.text)
	}
	require.NotEmpty(t, w.LucidLink().Credentials("", 0)["clientSecret"])
	viewer := w.Lightbits().Token("system:viewer", 0)
	require.Equal(t, http.StatusForbidden, send(t, w, http.MethodPost, volumes, `{}`, bearer(viewer)...).StatusCode)
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

func TestOptions(t *testing.T) {
	t.Run("Fixture", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "one.yaml")
		require.NoError(t, os.WriteFile(file, []byte("lightbits: {clusters: [{name: lonely}]}\n"), 0o600))
		require.Contains(t, send(t, storagesim.Start(t, storagesim.Fixture(file)), http.MethodGet, "/clusterinfo", "").text,
			"lonely")
		w := storagesim.Start(t, storagesim.Fixture("degraded"))
		require.NotEqual(t, send(t, storagesim.Start(t), http.MethodGet, "/nodes", "").text,
			send(t, w, http.MethodGet, "/nodes", "").text)
	})
	t.Run("Seed", func(t *testing.T) {
		id := func(seed uint64) string {
			return send(t, storagesim.Start(t, storagesim.Seed(seed), storagesim.Frozen()), http.MethodGet, "/nodes", "").text
		}
		first, again := id(7), id(7)
		require.Equal(t, first, again)
		require.NotEqual(t, first, id(8))
	})
	t.Run("Frozen", func(t *testing.T) {
		w := storagesim.Start(t, storagesim.Frozen())
		before := w.Now()
		create(t, w, "vol1")
		require.Equal(t, "Creating", w.Volume("vol1").State())
		require.Equal(t, before, w.Now())
	})
	t.Run("AutoClock", func(t *testing.T) {
		w := storagesim.Start(t, storagesim.AutoClock(), storagesim.Realistic())
		create(t, w, "vol1")
		get(t, w, "vol1")
		require.Contains(t, get(t, w, "vol1").text, `"Available"`)
	})
	t.Run("Delays", func(t *testing.T) {
		w := storagesim.Start(t, storagesim.Frozen(), storagesim.Delays{
			lightbits.DelayVolumeCreate: "5s", lightbits.DelayVolumeDelete: `{"uniform":["1s","2s"]}`})
		create(t, w, "vol1")
		w.Advance(4999e6)
		require.Equal(t, "Creating", w.Volume("vol1").State())
		require.Len(t, w.Advance(1e6), 1)
	})
	t.Run("OwnSimulator", func(t *testing.T) {
		w := storagesim.Start(t, storagesim.OwnSimulator())
		require.NotEqual(t, storagesim.Start(t).Addr, w.Addr)
		volume(t, w, "vol1")
	})
}

func TestOptions_ContradictionsEndTheTest(t *testing.T) {
	w := storagesim.Start(t)
	from := storagesim.From(w.Checkpoint())
	for want, opts := range map[string][]storagesim.Option{
		"Frozen and AutoClock":   {storagesim.Frozen(), storagesim.AutoClock()},
		"From and Fixture":       {from, storagesim.Fixture("large")},
		"From and OwnSimulator":  {from, storagesim.OwnSimulator()},
		"From and Realistic":     {from, storagesim.Realistic()},
		"no such file":           {storagesim.Fixture("absent.yaml")},
		`"smal"`:                 {storagesim.Fixture("smal")},
		"lightbits.volume.creat": {storagesim.Delays{"lightbits.volume.creat": "5s"}},
		"duration":               {storagesim.Delays{lightbits.DelayVolumeCreate: "soon"}},
	} {
		outcome := observe(func(tb storagesim.TB) { storagesim.Start(tb, opts...) })
		require.True(t, outcome.ended, want)
		require.Contains(t, outcome.errors[0], want)
	}
}
