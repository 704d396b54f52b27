package lightbits

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/store"
)

type shownEvents struct {
	Events    []events.Event
	NextToken string
}

func (s *server) events(query string) shownEvents {
	s.t.Helper()
	var list shownEvents
	s.get("/api/v2/events"+query, &list)
	return list
}

// eventNames returns the names of the events, oldest first.
func (s *server) eventNames(query string) []string {
	s.t.Helper()
	var names []string
	for _, e := range s.events(query).Events {
		names = append(names, e.EventName)
	}
	return names
}

func TestListEvents_Filters(t *testing.T) {
	s := newServer(t, withCluster("projects: [{name: tenant}]\nvolumes: [{name: a, replicaCount: 3}, {name: b, "+
		"replicaCount: 1, project: tenant}]"))
	b := s.volumes("tenant")["b"]
	s.advance(time.Hour)
	s.must("fail-node", `{"node":"`+b.NodeList[0]+`"}`)
	all := []string{"ClusterReady", "NodeInactive", "VolumeDegraded", "VolumeNotAvailable"}
	for name, c := range map[string]struct {
		query string
		want  []string
	}{
		"none":                       {"", all},
		"two severities":             {"?severity=High&severity=Critical", []string{"NodeInactive", "VolumeNotAvailable"}},
		"component type":             {"?componentType=Volume", []string{"VolumeDegraded", "VolumeNotAvailable"}},
		"project":                    {"?projectName=tenant", []string{"VolumeNotAvailable"}},
		"until before the failure":   {"?until=2040-01-02T04:04:04.999Z", all[:1]},
		"until includes its instant": {"?until=2040-01-02T04:04:05.000Z", all},
		"since includes its instant": {"?since=2040-01-02T04:04:05Z", all[1:]},
		"since after the failure":    {"?since=2040-01-02T04:04:05.001Z", nil},
	} {
		s.run(name, func(t *testing.T) { require.Equal(t, c.want, s.eventNames(c.query)) })
	}
	s.run("no event of the project is an empty object", func(t *testing.T) {
		status, body := s.do(http.MethodGet, "/api/v2/projects/default/events?since=2041-01-01T00:00:00Z", admin, "")
		require.Equal(t, 200, status)
		require.Equal(t, "{}", body)
	})
	s.run("event of a volume names it below its project", func(t *testing.T) {
		var list shownEvents
		s.get("/api/v2/projects/tenant/events", &list)
		require.Len(t, list.Events, 1)
		require.Equal(t, map[string]*events.VolumeComponentInfoList{
			"tenant": {VolumeComponentInfoList: []*events.ComponentInfo{{ID: b.UUID, Name: "b"}}},
		}, list.Events[0].ComponentVolumesInfo.ProjectVolumesMap)
	})
	s.run("event of a node names it", func(t *testing.T) {
		node := s.events("?componentType=Node").Events[0]
		require.Equal(t, &events.ComponentInfo{ID: b.NodeList[0], Name: node.ComponentNodeInfo.Name},
			node.ComponentNodeInfo)
		require.Equal(t, start.Add(time.Hour), node.Time)
		require.Equal(t, uint32(2001), node.EventCode)
		require.Equal(t, events.SeverityHigh, node.Severity)
		require.Contains(t, node.Description, "server0")
	})
}

func TestListEvents_InvalidQuery(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	for query, want := range map[string]int{
		"?since=yesterday": 400, "?until=2040-01-02T03:04:05%2B01:00": 400, "?since=2040-01-02": 400,
		"?severity=Loud": 400, "?severity=UnkownSeverity": 400, "?severity=High&severity=Loud": 400, "?severity=4": 400,
		"?componentType=Toaster": 400, "?componentType=UnknownType": 400,
		"?limit=-1": 400, "?limit=many": 400, "?nextToken=x": 400,
		"?nextToken=2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1": 400,
		"?nextToken=00000000-0000-4000-8000-000000000001": 400, "?nextToken=00000000-0000-4000-8000-000000000000": 400,
		"?projectName=nobody":                   404,
		"?projectName=default&severity=High":    501,
		"?componentType=Node&severity=High":     501,
		"?projectName=default&componentType=No": 501,
	} {
		t.Run(query, func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/events"+query, admin, "")
			require.Equal(t, want, status, body)
		})
	}
	status, body := s.do(http.MethodGet, "/api/v2/projects/default/events?severity=High", admin, "")
	require.Equal(t, 501, status, body)
	status, body = s.do(http.MethodGet, "/api/v2/events?severity=Loud", admin, "")
	require.Equal(t, 400, status)
	require.Contains(t, body, "Info, Low, Medium, High, Critical")
}

func TestListEvents_Pages(t *testing.T) {
	s := newServer(t, withCluster("servers: 1\nvolumes: {count: 7}\nmaxReplicas: 1"))
	s.must("fail-node", `{"node":"server00-0"}`)
	all := s.events("?componentType=Volume")
	require.Len(t, all.Events, 7)
	require.Empty(t, all.NextToken)
	var got []events.Event
	query := "?componentType=Volume&limit=3"
	for _, want := range []int{3, 3, 1} {
		page := s.events(query)
		require.Len(t, page.Events, want)
		got = append(got, page.Events...)
		if page.NextToken != "" {
			require.Equal(t, all.Events[len(got)].ID, page.NextToken,
				"the token is the ID of the next page's first event")
		}
		query = "?componentType=Volume&limit=3&nextToken=" + page.NextToken
	}
	require.Equal(t, all.Events, got)
	require.Empty(t, s.events("?componentType=Volume&limit=7").NextToken, "there is no next page")
}

func TestEventLog_FlagOffRecordsNothing(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	before := append(s.eventNames(""), "FeatureFlagDisabled")
	s.must("set-feature-flag", `{"name":"event-log","enabled":false}`)
	s.must("fail-node", `{"node":"server00-0"}`)
	require.Equal(t, before, s.eventNames(""))
	s.must("set-feature-flag", `{"name":"event-log","enabled":true}`)
	s.must("recover-node", `{"node":"server00-0"}`)
	require.Equal(t, append(before, "FeatureFlagEnabled", "NodeActivating"), s.eventNames(""))
}

func TestEventLog_DropsOldestWhenFull(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	s.update(func(tx *store.Tx) error {
		const full = 100_000
		return events.Log.Insert(tx, &events.Entry{Seq: full, Body: events.Event{
			ID: fmt.Sprintf("2f4bc0f7-9a52-4a26-98a9-%012x", full), Description: "late",
		}})
	})
	require.Len(t, s.events("").Events, 2)
	s.must("fail-node", `{"node":"server00-0"}`)
	list := s.events("").Events
	require.Len(t, list, 2, "the first event is dropped")
	require.Contains(t, list[0].Description, "late")
}

func TestLogEvent_UnknownKind(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	s.update(func(tx *store.Tx) error {
		require.ErrorContains(t, s.service.logEvent(tx, "Nonsense", events.AboutNode("", "")), "not in the catalogue")
		return nil
	})
}
