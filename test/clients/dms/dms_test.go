// Package dms is a client of the Lightbits DMS as the only public one behaves (facts/dms-lucidlink-lucidity.md part 4),
// run against a started simulator: TLS without verification, a static token for each endpoint, round-robin over the
// endpoints, a new connection for each request, a placeholder as Host and server name, no Content-Type, unset members
// omitted, and only 200 is a success.
package dms

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// placeholder is the client's host name for every endpoint.
const placeholder = "dms-load-balanced"

type endpoint struct{ address, token string }

// client is the client of the public program.
type client struct {
	endpoints []endpoint
	turn      int
}

// errNotFound is the client's error for 404. Any other status except 200 is a serverError.
var errNotFound = errors.New("not found")

type serverError struct {
	Status  int    `json:"-"`
	Err     string `json:"error"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *serverError) Error() string {
	return fmt.Sprintf("%d: code %d: %s%s", e.Status, e.Code, e.Message, e.Err)
}

// call sends one request over a new connection.
func (c *client) call(ctx context.Context, method, path string, request, response any) error {
	at := c.endpoints[c.turn%len(c.endpoints)]
	c.turn++
	transport := &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: false,
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: placeholder, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", at.address)
		},
	}
	defer transport.CloseIdleConnections()
	var body io.Reader
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+placeholder+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+at.token)
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		refused := &serverError{Status: resp.StatusCode}
		if err := json.Unmarshal(text, refused); err != nil {
			return fmt.Errorf("an error body that is not JSON: %w", err)
		}
		if resp.StatusCode == http.StatusNotFound {
			return errors.Join(errNotFound, refused)
		}
		return refused
	}
	return json.Unmarshal(text, response)
}

// The client's types of the messages: size is a string, the other numbers are numbers, and times are instants.
type source struct {
	SnapID      string `json:"snapId"`
	ProjectName string `json:"projectName"`
	ClusterID   string `json:"clusterId"`
}

type target struct {
	Name          string `json:"name"`
	ProjectName   string `json:"projectName,omitempty"`
	ClusterID     string `json:"clusterId"`
	Size          string `json:"size,omitempty"`
	Replica       int32  `json:"replica,omitempty"`
	QosPolicyName string `json:"qosPolicyName,omitempty"`
	SectorSize    int64  `json:"sectorSize,omitempty"`
	Compression   bool   `json:"compression,omitempty"`
	Description   string `json:"description,omitempty"`
}

type clone struct {
	Src         source `json:"src"`
	Dst         target `json:"dst"`
	VerifyClone bool   `json:"verifyClone,omitempty"`
}

type workflow struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"createdAt"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt"`
	Type      string    `json:"type"`
	State     string    `json:"state"`
	Msg       string    `json:"msg"`
	Progress  struct {
		Percent int32  `json:"percent"`
		Stage   string `json:"stage"`
	} `json:"progress"`
	ThickCloneVolumeRequest *clone `json:"thickCloneVolumeRequest"`
	SnapshotCloneRequest    *clone `json:"snapshotCloneRequest"`
}

func (c *client) thickClone(ctx context.Context, kind string, q clone) (string, error) {
	var response struct {
		WorkflowID string `json:"workflowId"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/"+kind+"/thickclone", q, &response)
	return response.WorkflowID, err
}

func (c *client) workflow(ctx context.Context, id string) (workflow, error) {
	var response struct {
		Workflow workflow `json:"workflow"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/workflows/"+id, nil, &response)
	return response.Workflow, err
}

// wait polls until the workflow has ended.
func (c *client) wait(ctx context.Context, id string) (w workflow, err error) {
	for {
		w, err = c.workflow(ctx, id)
		if err != nil || w.State != "PENDING" && w.State != "RUNNING" {
			return w, err
		}
	}
}

// prepare attaches both clusters and creates a snapshot to copy.
func prepare(t *testing.T, s *simtest.Server) (snap, east, west string) {
	t.Helper()
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"auto"}`)
	own := s.Must(200, http.MethodGet, "/api/v1/service-credentials", "")
	key := fmt.Sprintf(`{"ID":%q,"type":"RS256PubKey","payload":%q}`, own.Text(".pubKeyId"), own.Text(".pubKey"))
	ids := map[string]string{}
	for cluster, at := range map[string]string{"east": "10.1.0.11:443", "west": "10.2.0.12:443"} {
		s.Must(200, http.MethodPost, "/api/v2/projects/system/credentials", key, "X-Sim-Cluster", cluster)
		s.Must(200, http.MethodPost, "/api/v1/clusters", `{"apiEndpoint":"`+at+`"}`)
		ids[cluster] = s.Must(200, http.MethodGet, "/api/v2/clusterinfo", "", "X-Sim-Cluster", cluster).Text(".UUID")
	}
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	s.Must(200, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"vol1","size":"10GiB","replicaCount":2,"acl":{"values":["ALLOW_NONE"]}}`)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	snap = s.Must(200, http.MethodPost, "/api/v2/projects/default/snapshots",
		`{"name":"snap1","sourceVolumeName":"vol1"}`).Text(".UUID")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	return snap, ids["east"], ids["west"]
}

func newClient(t *testing.T) (*simtest.Server, *client) {
	t.Helper()
	s := simtest.New(t, func(c *simulator.Config) { c.TLSListen = "127.0.0.1:0" })
	s.Header.Set("Authorization", "Bearer static")
	address := strings.TrimPrefix(s.TLSURL, "https://")
	return s, &client{endpoints: []endpoint{{address, "token-of-the-first"}, {address, "token-of-the-second"}}}
}

func TestClones(t *testing.T) {
	s, c := newClient(t)
	snap, east, west := prepare(t, s)
	for _, kind := range []string{"volumes", "snapshots"} {
		q := clone{Src: source{snap, "default", east},
			Dst: target{Name: "copy", ClusterID: west, Size: "21474836480", Replica: 3, SectorSize: 512}}
		id, err := c.thickClone(t.Context(), kind, q)
		require.NoError(t, err)
		first, err := c.workflow(t.Context(), id)
		require.NoError(t, err, "times that are not there yet decode")
		require.Equal(t, "PENDING", first.State)
		require.True(t, first.StartedAt.IsZero())
		require.True(t, first.EndedAt.IsZero())

		done, err := c.wait(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "COMPLETED", done.State, done.Msg)
		require.Equal(t, int32(100), done.Progress.Percent)
		require.False(t, done.StartedAt.Before(done.CreatedAt))
		require.False(t, done.EndedAt.Before(done.StartedAt))
		echo := done.ThickCloneVolumeRequest
		if kind == "snapshots" {
			require.Nil(t, echo)
			echo = done.SnapshotCloneRequest
		}
		require.Equal(t, &q, echo)
		made := s.Must(200, http.MethodGet, "/api/v2/projects/default/"+kind+"?name=copy&Name=copy", "", "X-Sim-Cluster",
			"west")
		require.Equal(t, "Available", made.Text("."+kind+"[0].state"))
		require.Equal(t, "21474836480", made.Text("."+kind+"[0].size"))
	}
}

func TestErrors(t *testing.T) {
	s, c := newClient(t)
	snap, east, west := prepare(t, s)
	_, err := c.workflow(t.Context(), "5b0f3c1e-6f43-4e6a-9a53-0d4dd3e5a0c1")
	require.ErrorIs(t, err, errNotFound)

	_, err = c.thickClone(t.Context(), "volumes",
		clone{Src: source{snap, "default", east}, Dst: target{Name: "copy", ClusterID: west, Replica: 5}})
	var refused *serverError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 400, refused.Status)
	require.Equal(t, 3, refused.Code)
	require.Contains(t, refused.Message, "replica")

	// The workflow reports what only the cluster can check.
	id, err := c.thickClone(t.Context(), "volumes",
		clone{Src: source{snap, "default", east}, Dst: target{Name: "copy", ClusterID: west, Size: "4096"}})
	require.NoError(t, err)
	failed, err := c.wait(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "FAILED", failed.State)
	require.Contains(t, failed.Msg,
		"rpc error: code = Internal desc = failed to create destination volume: rpc error: code = InvalidArgument")

	c.endpoints[0].token = ""
	_, err = c.workflow(t.Context(), id)
	if err == nil { // the other endpoint's turn
		_, err = c.workflow(t.Context(), id)
	}
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 401, refused.Status)
}
