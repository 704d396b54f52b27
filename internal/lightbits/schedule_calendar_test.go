package lightbits

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// instant parses a time.
func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return at
}

func TestSchedule_Next(t *testing.T) {
	hourly := func(start string, n uint32) SnapshotSchedulePolicy {
		return SnapshotSchedulePolicy{HourlySchedule: &HourlySchedule{StartTime: instant(t, start), HoursInCycle: n}}
	}
	daily := func(start string, n uint32) SnapshotSchedulePolicy {
		return SnapshotSchedulePolicy{DailySchedule: &DailySchedule{StartTime: instant(t, start), DaysInCycle: n}}
	}
	weekly := func(days ...string) SnapshotSchedulePolicy {
		w := &WeeklySchedule{}
		for _, text := range days {
			day, start, _ := strings.Cut(text, " ")
			w.DaysOfWeek = append(w.DaysOfWeek, &DayOfWeekEntry{Day: DayOfWeek(day), StartTime: instant(t, start)})
		}
		return SnapshotSchedulePolicy{WeeklySchedule: w}
	}
	for _, c := range []struct {
		name        string
		p           SnapshotSchedulePolicy
		after, want string
	}{
		{"the start is the first instant", hourly("2026-06-01T10:00:00Z", 2), "2026-06-01T00:00:00Z",
			"2026-06-01T10:00:00Z"},
		{"the start itself has passed", hourly("2026-06-01T10:00:00Z", 2), "2026-06-01T10:00:00Z",
			"2026-06-01T12:00:00Z"},
		{"between two instants", hourly("2026-06-01T10:00:00Z", 2), "2026-06-01T13:59:59.999Z", "2026-06-01T14:00:00Z"},
		{"fractions of a second", hourly("2026-06-01T10:00:00.25Z", 1), "2026-06-01T11:00:00.2Z",
			"2026-06-01T11:00:00.25Z"},
		{"a start in another zone", hourly("2026-06-01T10:00:00+05:30", 6), "2026-06-01T05:00:00Z",
			"2026-06-01T10:30:00Z"},
		{"a start long ago", daily("1970-01-01T05:00:00Z", 1), "2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z"},
		{"a start centuries ago", hourly("0001-01-01T00:30:00Z", 1), "9998-12-31T23:45:00Z", "9999-01-01T00:30:00Z"},
		{"every tenth day", daily("2026-06-01T05:00:00Z", 10), "2026-06-11T05:00:00Z", "2026-06-21T05:00:00Z"},
		{"later on the same day of the week", weekly("Monday 2026-01-01T10:00:00Z"), "2026-06-01T09:00:00Z",
			"2026-06-01T10:00:00Z"},
		{"a week later", weekly("Monday 2026-01-01T10:00:00Z"), "2026-06-01T10:00:00Z", "2026-06-08T10:00:00Z"},
		{"not before its start", weekly("Monday 2026-06-15T10:00:00Z"), "2026-06-01T09:00:00Z", "2026-06-15T10:00:00Z"},
		{"the earliest of several days", weekly("Sunday 2026-01-01T10:00:00Z", "Wednesday 2026-01-01T23:00:00Z"),
			"2026-06-01T10:00:00Z", "2026-06-03T23:00:00Z"},
		{"Sunday comes before Wednesday", weekly("Sunday 2026-01-01T10:00:00Z", "Wednesday 2026-01-01T23:00:00Z"),
			"2026-06-04T00:00:00Z", "2026-06-07T10:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, instant(t, c.want), c.p.next(instant(t, c.after)).UTC())
		})
	}
}

func (s *server) createVolume(name string) (uuid string) {
	s.t.Helper()
	status, body := s.do(http.MethodPost, "/api/v2/projects/default/volumes", admin,
		`{"name":"`+name+`","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	require.Equal(s.t, 200, status, body)
	s.advance(time.Second)
	return s.volumes("default")[name].UUID
}

// schedule creates a resource policy with a snapshot of the volume every hour.
func (s *server) schedule(name, volume string) {
	s.t.Helper()
	status, body := s.do(http.MethodPost, "/api/v2/projects/default/resourcePolicies", admin,
		`{"name":"`+name+`","resourceName":"`+volume+`","schedulePolicy":`+everyHour+`}`)
	require.Equal(s.t, 200, status, body)
}

const everyHour = `{"snapshotSchedulePolicy":{"hourlySchedule":{"hoursInCycle":1}}}`

func TestCreateResourcePolicy_Limit(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	s.createVolume("a")
	s.createVolume("b")
	for i := range maxPoliciesOfResource {
		s.schedule(fmt.Sprint("p", i), "a")
	}
	status, body := s.do(http.MethodPost, "/api/v2/projects/default/resourcePolicies", admin,
		`{"name":"more","resourceName":"a","schedulePolicy":`+everyHour+`}`)
	require.Equal(t, 400, status)
	require.Contains(t, body, "16 resource policies")
	s.schedule("more", "b")
	status, body = s.do(http.MethodPost, "/api/v2/projects/default/resourcePolicies", admin,
		`{"name":"`+strings.Repeat("x", maxResourcePolicyName+1)+`","resourceName":"b","schedulePolicy":`+everyHour+`}`)
	require.Equal(t, 400, status)
	require.Contains(t, body, "at most 200")
}

// Without retention a schedule stops at a limit, and continues after a snapshot was deleted.
func TestScheduledSnapshot_LimitAndNames(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	volume := s.createVolume("a")
	s.schedule(strings.Repeat("p", maxResourcePolicyName), "a")
	s.advance((maxScheduled + 3) * time.Hour)
	require.Equal(t, maxScheduled, s.snapshotsOf(volume))
	skipped := s.events("?severity=Medium").Events
	require.Len(t, skipped, 3)
	require.Contains(t, skipped[0].Description, "has 1024 snapshots")

	var list struct{ Snapshots []struct{ UUID, Name string } }
	s.get("/api/v2/projects/default/snapshots?limit=1", &list)
	require.Less(t, len(list.Snapshots[0].Name), 254)
	status, _ := s.do(http.MethodDelete, "/api/v2/projects/default/snapshots/"+list.Snapshots[0].UUID, admin, "")
	require.Equal(t, 200, status)
	s.advance(time.Hour)
	require.Equal(t, maxScheduled, s.snapshotsOf(volume))
	require.Len(t, s.events("?severity=Medium").Events, 3)
}

func (s *server) snapshotsOf(volume string) (n int) {
	s.view(func(tx *store.Tx) error {
		for range s.service.snapshots.Table().KeysBy(tx, snapshotsByVolume, volume) {
			n++
		}
		return nil
	})
	return n
}

// A snapshot is skipped if its name is taken or its volume is not available.
func TestScheduledSnapshot_Skips(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	s.createVolume("a")
	s.schedule("p", "a")
	status, body := s.do(http.MethodPost, "/api/v2/projects/default/snapshots", admin,
		`{"name":"p-20400102-040406","sourceVolumeName":"a"}`)
	require.Equal(t, 200, status, body)
	s.advance(time.Hour)
	s.must("fail-node", `{"node":"server00-0"}`)
	s.advance(time.Hour)
	s.must("recover-node", `{"node":"server00-0"}`)
	s.advance(time.Hour)
	var reasons []string
	for _, e := range s.events("?severity=Medium").Events {
		if e.EventName == string(events.ScheduledSnapshotSkipped) {
			reasons = append(reasons, e.Description[strings.LastIndex(e.Description, "p: ")+3:])
		}
	}
	require.Equal(t, []string{
		`a snapshot with the name "p-20400102-040406" already exists in project default`,
		"volume a is NotAvailable: no node serves its data; try again later",
	}, reasons)
	status, _ = s.do(http.MethodGet, "/api/v2/projects/default/snapshots/?Name=p-20400102-060406", admin, "")
	require.Equal(t, 200, status)
}

// The resource policies of a project are deleted with it.
func TestDeleteProject_DeletesResourcePolicies(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	status, answer := s.do(http.MethodPost, "/api/v2/projects", admin, `{"name":"p"}`)
	require.Equal(t, 200, status, answer)
	status, answer = s.do(http.MethodPost, "/api/v2/projects/p/resourcePolicies", admin,
		`{"name":"m","schedulePolicy":`+everyHour+`}`)
	require.Equal(t, 200, status, answer)
	s.advance(time.Second)
	s.view(func(tx *store.Tx) error {
		require.Empty(t, statemachine.Pending(tx, 10), "a policy without a volume is never due")
		return nil
	})
	status, answer = s.do(http.MethodDelete, "/api/v2/projects/p", admin, "")
	require.Equal(t, 200, status, answer)
	s.view(func(tx *store.Tx) error {
		for key := range s.service.resourcePolicies.Table().Scan(tx, "", "") {
			return errors.New(key)
		}
		return nil
	})
}
