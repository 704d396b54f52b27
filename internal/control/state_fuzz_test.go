package control_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"maps"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// replaced counts n down by the values of a document, and returns the document with the n-th value replaced by by, or
// removed if by is nil.
func replaced(v any, n *int, by any) any {
	*n--
	if *n == -1 {
		return by
	}
	switch in := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(in)) {
			if in[name] = replaced(in[name], n, by); in[name] == nil {
				delete(in, name)
			}
		}
	case []any:
		for i := range in {
			in[i] = replaced(in[i], n, by)
		}
	}
	return v
}

// fewOfAll makes a world with a few resources of every kind, so that a run takes a millisecond.
const fewOfAll = `
lightbits:
  clusters:
    - {name: east, servers: 1, devicesPerNode: 2}
lucidity:
  tenants:
    - cloudProvider: AWS
      cloudProviderAccountId: "1"
      instances:
        - {instanceId: i-1, pool: {diskType: gp3}, partitions: [{partition: /a, status: ON_BOARDED}, {partition: /b}]}
lucidlink:
  accounts:
    - {name: default, domain: example, clients: [{clientId: c, clientSecret: secret}]}
  regions:
    AWS: {me-south-1: closed}
`

// FuzzState changes one value of a world's file to any JSON and replaces the world by it. The file is refused and the
// world is unchanged, or it is accepted and the world can be read, advanced and exported.
func FuzzState(f *testing.F) {
	few := filepath.Join(f.TempDir(), "few.yaml")
	require.NoError(f, os.WriteFile(few, []byte(fewOfAll), 0o600))
	s := simtest.New(f, func(c *simulator.Config) { c.Fixture = few })
	s.Header.Set("Authorization", "Bearer x")
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
	s.Must(200, http.MethodPost, volumesPath, `{"name":"v","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	s.Must(200, http.MethodPost, "/api/v2/projects/default/resourcePolicies",
		`{"name":"p","resourceName":"v","schedulePolicy":{"retentionTime":"60s","snapshotSchedulePolicy":{"weeklySchedule":{"daysOfWeek":[{"day":"Monday"}]}}}}`)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"r","match":{"operation":"lightbits.ListVolumes"},"when":{"times":2,"probability":0.5},"effect":{"status":500}}`)
	s.Must(201, http.MethodPost, "/_sim/fault-plans", `{"id":"p","operations":{"lightbits.CreateVolume":["500","pass"]}}`)
	whole := s.Must(200, http.MethodGet, "/_sim/state", "").Body
	count := -1
	var document any
	require.NoError(f, json.Unmarshal([]byte(whole), &document))
	replaced(document, &count, nil)
	total := -count
	for i := range total {
		if i%(total/20) == 0 {
			for _, by := range []string{`null`, `-1`, `[]`, `"2026-02-30T00:00:00Z"`} {
				f.Add(uint(i), by)
			}
		}
	}
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	s.In("t").Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	s.In("t").Must(200, http.MethodPut, "/_sim/checkpoints/start", "")
	before := export(s.In("t"), "application/json")
	f.Fuzz(func(t *testing.T, at uint, by string) {
		w := s.For(t).In("t")
		// after a failure too, or all that follow fail with it
		defer w.Must(200, http.MethodPost, "/_sim/reset", `{"to":"start"}`)
		var document, value any
		require.NoError(t, json.Unmarshal([]byte(whole), &document))
		if json.Unmarshal([]byte(by), &value) != nil {
			value = by
		}
		n := int(at % uint(total))
		text, err := json.Marshal(replaced(document, &n, value))
		require.NoError(t, err)
		a := w.Do(http.MethodPut, "/_sim/state", string(text))
		if a.Status != http.StatusOK {
			require.Equal(t, http.StatusBadRequest, a.Status, a.Body)
			require.Equal(t, before, export(w, "application/json"))
			return
		}
		for _, path := range []string{"/_sim/clock", "/_sim/timers", "/_sim/resources", "/_sim/faults", "/_sim/delays",
			"/api/v2/volumes", "/api/v2/nodes", "/api/v2/cluster", "/api/v2/projects", "/api/v2/events", "/api/v1/clusters",
			"/v1/filespaces"} {
			got := w.Do(http.MethodGet, path, "")
			require.True(t, got.Status != http.StatusInternalServerError || got.Header.Get("X-Sim-Fault") != "", "%s: %s", path,
				got.Body)
		}
		moved := w.Do(http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
		require.Less(t, moved.Status, http.StatusInternalServerError, moved.Body)
		again := export(w, "application/json")
		w.Must(200, http.MethodPut, "/_sim/state", again)
		require.Equal(t, again, export(w, "application/json"))
	})
}
