package lucidlink_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lucidlink"
)

// path returns the path with values for its parameters.
func path(row, id string) string {
	return strings.NewReplacer("{id}", id, "{name}", "nobody").Replace(row)
}

// Every operation of the service refuses a missing or expired token, without any effect.
func TestEveryOperation_RequiresToken(t *testing.T) {
	s := newServer(t)
	id := initialized(s, "files", awsStorage)
	expired := tokenOf(s, clientID, clientSecret)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1h"}`)
	before := s.Must(200, http.MethodGet, "/v1/filespaces/"+id, "").Body
	rows := 0
	for _, op := range lucidlink.New(lucidlink.Options{}).API().Operations {
		if op.Needs.Action == "" {
			continue
		}
		rows++
		for _, p := range op.Paths() {
			for _, header := range []string{"", expired, "Bearer " + expired} {
				a := s.Must(401, op.Method, path(p, id), "", "Authorization", header)
				require.JSONEq(t, `{"status":401,"message":"Illegal request"}`, a.Body)
			}
		}
	}
	require.Equal(t, 14, rows)
	require.Equal(t, before, s.Must(200, http.MethodGet, "/v1/filespaces/"+id, "").Body)
}

// Every operation of the daemon refuses an invalid instance, and most refuse an instance that is not linked.
func TestEveryDaemonOperation_InstanceNotLinked(t *testing.T) {
	s := newServer(t)
	for _, op := range lucidlink.New(lucidlink.Options{}).API().Operations {
		if op.Needs.Action != "" || strings.HasPrefix(op.Path, "/oauth2") || op.Name == "InitializeS3" ||
			op.Name == "ListInstances" {
			continue
		}
		s.Must(400, op.Method, path(op.Path, "1")+"?instance=x", "{}")
		if op.Documents(409) && op.Name != "LinkFilespace" {
			a := s.Must(409, op.Method, path(op.Path, "1"), `{"password":"x","name":"x"}`)
			require.Contains(t, a.Body, "not linked", op.Name)
		}
	}
	s.Must(404, http.MethodPost, "/app/link", `{"fs":"no.example","user":"root","password":"x"}`)
	s.Must(400, http.MethodDelete, "/v1/domains/1", "")
}

// Users and snapshots can be changed only with the password of root; unknown ones are not found.
func TestUsersAndSnapshots_RequireRoot(t *testing.T) {
	s := newServer(t)
	initialized(s, "files", awsStorage)
	s.Must(200, http.MethodPost, "/app/link", `{"fs":"files","user":"root","password":"root"}`)
	for _, c := range []struct{ method, path string }{
		{http.MethodPatch, "/app/users/nobody"}, {http.MethodDelete, "/app/users/nobody"},
		{http.MethodDelete, "/app/snapshots/1"},
	} {
		for password, status := range map[string]int{"wrong": 403, "": 400, "root": 404} {
			s.Must(status, c.method, c.path, fmt.Sprintf(`{"password":%q,"userPassword":"x"}`, password))
		}
	}
}

// A filespace has at most 1000 snapshots, not counting deleted ones.
func TestSnapshots_AreBounded(t *testing.T) {
	s := newServer(t)
	id := initialized(s, "files", awsStorage)
	for range 1000 {
		s.Must(200, http.MethodPost, "/_sim/actions/lucidlink/snapshot", `{"filespace":"`+id+`"}`)
	}
	s.Must(200, http.MethodPost, "/app/link", `{"fs":"files","user":"root","password":"root"}`)
	full := s.Must(409, http.MethodPost, "/app/snapshots", `{"password":"root"}`)
	require.Contains(t, full.Body, "1000 snapshots")
	s.Must(204, http.MethodDelete, "/app/snapshots/1", `{"password":"root"}`)
	s.Must(201, http.MethodPost, "/app/snapshots", `{"password":"root"}`)
}

// The bucket in init-s3 must be that of the filespace.
func TestInitialize_OtherBucket(t *testing.T) {
	s := newServer(t)
	domain := s.Must(200, http.MethodGet, "/v1/domains", "").Text(".0.id")
	f := s.Must(201, http.MethodPost, "/v1/filespaces",
		fmt.Sprintf(`{"domain":%q,"name":"files","storage":{"provider":"AWS","region":"eu-west-1","bucket":"mine"}}`, domain))
	s.Must(200, http.MethodPost, "/_sim/resources/lucidlink.filespace/"+f.Text(".id")+"/release", "")
	const request = `{"fs":"files","password":"p","accessKey":"a","secretKey":"s","bucketName":%q}`
	require.Contains(t, s.Must(400, http.MethodPost, "/app/init-s3", fmt.Sprintf(request, "yours")).Body,
		"stored in the bucket mine")
	s.Must(200, http.MethodPost, "/app/init-s3", fmt.Sprintf(request, "mine"))
}
