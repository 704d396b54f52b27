package lightbits

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// fetchedLogs is an archive: its root directory, and its files by their paths below it.
type fetchedLogs struct {
	header http.Header
	root   string
	names  []string
	files  map[string]string
}

func (s *server) fetchLogs(query string) fetchedLogs {
	s.t.Helper()
	return s.fetchLogsAt(query, start)
}

// fetchLogsAt fetches logs while the clock shows at.
func (s *server) fetchLogsAt(query string, at time.Time) fetchedLogs {
	s.t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/api/v2/logs"+query, nil)
	req.Header.Set("Authorization", "Bearer "+admin)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	require.Equal(s.t, 200, w.Code, w.Body)
	packed := io.Reader(w.Body)
	var err error
	switch w.Header().Get("Content-Type") {
	case "application/gzip":
		packed, err = gzip.NewReader(packed)
	case "application/x-xz":
		packed, err = xz.NewReader(packed)
	}
	require.NoError(s.t, err)
	got := fetchedLogs{header: w.Header(), files: map[string]string{}}
	for archive := tar.NewReader(packed); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(s.t, err)
		text, err := io.ReadAll(archive)
		require.NoError(s.t, err)
		root, name, _ := strings.Cut(h.Name, "/")
		require.True(s.t, got.root == "" || got.root == root)
		require.Equal(s.t, at, h.ModTime.UTC())
		require.NotContains(s.t, got.files, name)
		got.root = root
		got.names = append(got.names, name)
		got.files[name] = string(text)
	}
	rest, err := io.ReadAll(packed)
	require.NoError(s.t, err)
	require.Empty(s.t, bytes.Trim(rest, "\x00"))
	return got
}

// count returns the number of lines of all files with that prefix.
func (l fetchedLogs) count(prefix string) int {
	n := 0
	for name, text := range l.files {
		if strings.HasPrefix(name, prefix) {
			n += strings.Count(text, "\n")
		}
	}
	return n
}

func (l fetchedLogs) has(part string) bool {
	return slices.ContainsFunc(l.names, func(name string) bool { return strings.Contains(name, part) })
}

func TestFetchLogs_Packing(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	for query, want := range map[string][2]string{
		"":                          {"application/gzip", "lightbits-logs-local-20400102-030405.tgz"},
		"?UseHighCompression=true":  {"application/x-xz", "lightbits-logs-local-20400102-030405.txz"},
		"?DontCompressOutput=true":  {"application/x-tar", "lightbits-logs-local-20400102-030405.tar"},
		"?LogFilename=case-1":       {"application/gzip", "case-1-lightbits-logs-local-20400102-030405.tgz"},
		"?UseHighCompression=false": {"application/gzip", "lightbits-logs-local-20400102-030405.tgz"},
		"?UseHighCompression=1&DontCompressOutput=1": {"application/x-tar", "lightbits-logs-local-20400102-030405.tar"},
	} {
		got := s.fetchLogs(query)
		require.Equal(t, want[0], got.header.Get("Content-Type"), query)
		require.Equal(t, `attachment; filename="`+want[1]+`"`, got.header.Get("Content-Disposition"), query)
		require.Equal(t, want[1][:len(want[1])-4], got.root, query)
		require.Equal(t, got.files, s.fetchLogs(query).files, "same clock, same bytes")
	}
}

func TestFetchLogs_Parts(t *testing.T) {
	s := newServer(t, withCluster("volumes: [{name: a}, {name: b}]"))
	s.must("fail-node", `{"node":"server01-0"}`)
	all := s.fetchLogs("")
	s.run("default", func(t *testing.T) {
		for _, name := range []string{
			"collect.log", "lbcli/cluster.json", "lbcli/volumes.jsonl", "lbcli/events.jsonl", "lbcli/cluster-config.json",
			"etcd/volumes.jsonl",
			"server00/services.txt", "server02/services.txt", "server00/var/log/lightbits/cluster-manager.log",
			"server01/var/log/lightbits/node-manager.log", "statistics/20400102-030405-000/fe-volumes.jsonl",
		} {
			require.Contains(t, all.files, name)
		}
		require.False(t, all.has("network/"))
		for name, text := range all.files {
			if !strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".jsonl") {
				continue
			}
			for line := range strings.Lines(text) {
				require.True(t, json.Valid([]byte(line)), "%s: %s", name, line)
			}
		}
		require.Equal(t, 2, all.count("lbcli/volumes"))
		require.Contains(t, all.files["lbcli/nodes.jsonl"], `"state":"Inactive"`)
		require.Contains(t, all.files["server01/var/log/lightbits/node-manager.log"],
			"NodeInactive (2001): Node server01-0 is inactive")
		require.NotContains(t, all.files["server00/var/log/lightbits/node-manager.log"], "server01-0")
		require.Contains(t, all.files["server00/var/log/lightbits/cluster-manager.log"], "ClusterReady")
		require.NotContains(t, all.files, "server01/var/log/lightbits/cluster-manager.log")
	})
	s.run("SkipStatistics", func(t *testing.T) {
		require.False(t, s.fetchLogs("?SkipStatistics=true").has("statistics/"))
	})
	s.run("DontCollectlogs", func(t *testing.T) {
		require.False(t, s.fetchLogs("?DontCollectlogs=true").has("var/log"))
		require.True(t, s.fetchLogs("?DontCollectLogs=true").has("var/log"), "names of parameters are case-sensitive")
	})
	s.run("CollectServicesLbcliEtcd", func(t *testing.T) {
		only := s.fetchLogs("?CollectServicesLbcliEtcd=true")
		require.False(t, only.has("var/log") || only.has("statistics/"))
		require.True(t, only.has("lbcli/") && only.has("etcd/") && only.has("services.txt"))
	})
	s.run("CaptureCpuAndTcpDump", func(t *testing.T) {
		watched := s.fetchLogs("?CaptureCpuAndTcpDump=true")
		require.Len(t, watched.files["server00/network/tcpdump.cap"], 24)
		require.Equal(t, 1+5, strings.Count(watched.files["server00/network/sar.log"], "\n"))
	})
	s.run("IoNice", func(t *testing.T) {
		require.NotContains(t, all.files["collect.log"], "nice -n 19")
		require.Contains(t, s.fetchLogs("?IoNice=true").files["collect.log"],
			"ionice -c 2 -n 7 nice -n 19 lbcli list volumes")
	})
	s.run("NumOfstatisticsToCapture", func(t *testing.T) {
		cycles := s.fetchLogs("?NumOfstatisticsToCapture=3&IntervalBetweenBEReadCycles=60")
		require.True(t, cycles.has("statistics/20400102-030205-000/be-nodes") &&
			cycles.has("statistics/20400102-030405-002/"))
		require.Equal(t, 3, cycles.count("statistics/20400102-030205-000/be-nodes"))
	})
	s.run("configuration without volume statistics", func(t *testing.T) {
		s.update(func(tx *store.Tx) error {
			return configTable.Put(tx, &ClusterConfigParam{Name: configNoVolumeStatistics, Value: "true"})
		})
		require.False(t, s.fetchLogs("").has("fe-volumes"))
	})
}

// "NumOfstatisticsToCapture" captures that lie in the past show what was then.
func TestFetchLogs_PastStatistics(t *testing.T) {
	s := newServer(t, withCluster("servers: 1\nmaxReplicas: 1\nvolumes: [{name: old, replicaCount: 1, size: 8GiB}]"))
	s.must("write-volume", `{"volume":"old","bytes":"1GiB"}`)
	s.advance(time.Hour)
	s.ok("POST", projectPath+"volumes", `{"name":"new","size":"8GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	s.advance(time.Minute)
	s.must("write-volume", `{"volume":"new","bytes":"5GiB"}`)
	s.must("write-volume", `{"volume":"old","bytes":"1GiB","offset":"1GiB"}`)
	s.advance(time.Minute)
	logs := s.fetchLogsAt("?NumOfstatisticsToCapture=3&IntervalBetweenBEReadCycles=1800", start.Add(62*time.Minute))
	used := regexp.MustCompile(`"logicalUsedStorage":"(\d+)"`)
	read := func(part string) (names int, bytes []string) {
		for name, text := range logs.files {
			if strings.Contains(name, part) {
				for _, m := range used.FindAllStringSubmatch(text, -1) {
					bytes = append(bytes, m[1])
				}
				return strings.Count(text, "\n"), bytes
			}
		}
		require.Fail(t, "no file", part)
		return 0, nil
	}
	for _, c := range []struct {
		part   string
		lines  int
		volume []string
	}{
		{"-000/fe-volumes", 1, []string{"1073741824"}}, {"-001/fe-volumes", 1, []string{"1073741824"}},
		{"-000/be-nodes", 1, []string{"1073741824"}}, {"-002/be-nodes", 1, []string{"7516192768"}},
	} {
		lines, bytes := read(c.part)
		require.Equal(t, c.lines, lines, c.part)
		require.Equal(t, c.volume, bytes, c.part)
	}
	lines, bytes := read("-002/fe-volumes")
	require.Equal(t, 2, lines)
	require.ElementsMatch(t, []string{"2147483648", "5368709120"}, bytes)
}

func TestFetchLogs_OmitsFailedServer(t *testing.T) {
	s := newServer(t, withCluster(""))
	s.update(func(tx *store.Tx) error {
		for _, row := range s.service.servers.Table().All(tx, "", "") {
			return s.service.servers.Fire(tx, &row, "fail")
		}
		return nil
	})
	var lost string
	s.view(func(tx *store.Tx) error {
		for _, row := range s.service.servers.Table().All(tx, "", "") {
			if row.Life.State == statemachine.State(ServerFailed) {
				lost = row.Body.Name
			}
		}
		return nil
	})
	got := s.fetchLogs("")
	require.False(t, got.has(lost+"/"))
	require.Contains(t, got.files["collect.log"], lost+" is Failed and cannot be reached")
}

// Events of a device are in the log of its server even after it was pulled out.
func TestFetchLogs_PulledDevice(t *testing.T) {
	s := newServer(t, withCluster("servers: 2"))
	s.must("insert-device", `{"serial":"SPARE","server":"server01"}`)
	s.must("pull-device", `{"serial":"SPARE"}`)
	logs := s.fetchLogs("")
	for server, logged := range map[string]bool{"server00": false, "server01": true} {
		require.Equal(t, logged, strings.Contains(logs.files[server+"/var/log/lightbits/node-manager.log"],
			"was pulled"), server)
	}
}

// Days count back from the world's clock. Lists longer than a page become several files without losing rows.
func TestFetchLogs_DaysAndPages(t *testing.T) {
	s := newServer(t, withCluster("servers: 1\nvolumes: {count: 2500, size: 1MiB, replicaCount: 1}"))
	s.update(func(tx *store.Tx) error {
		now := tx.Now
		defer func() { tx.Now = now }()
		for i := range 3000 {
			tx.Now = now.Add(-time.Duration(3000-i) * time.Hour)
			if err := s.service.logEvent(tx, events.VolumeUpdated,
				events.AboutVolume("default", "id", strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	})
	two := s.fetchLogs("?NumOfDaysToCollectLogs=2")
	require.Equal(t, 48+1, two.count("lbcli/events"), "one event per hour, and ClusterReady")
	require.Equal(t, two.count("lbcli/events"), s.fetchLogs("").count("lbcli/events"), "two days are the default")
	require.Equal(t, 24+1, s.fetchLogs("?NumOfDaysToCollectLogs=1").count("lbcli/events"))
	all := s.fetchLogs("?NumOfDaysToCollectLogs=365")
	require.Equal(t, 3001, all.count("lbcli/events"))
	require.Equal(t, 3001, all.count("server00/var/log/lightbits/cluster-manager"))
	require.Equal(t, 2500, all.count("lbcli/volumes"))
	require.Equal(t, 1000, strings.Count(all.files["lbcli/volumes.1.jsonl"], "\n"))
	require.Equal(t, 500, strings.Count(all.files["lbcli/volumes.2.jsonl"], "\n"))
	seen := map[string]bool{}
	for _, name := range []string{"volumes", "volumes.1", "volumes.2"} {
		for line := range strings.Lines(all.files["lbcli/"+name+".jsonl"]) {
			seen[line] = true
		}
	}
	require.Len(t, seen, 2500)
}

func TestFetchLogs_Refuses(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	for query, want := range map[string]string{
		"?LogFilename=a%20b":                 "LogFilename",
		"?LogFilename=..%2F..%2Fetc":         "LogFilename",
		"?NumOfstatisticsToCapture=101":      "NumOfstatisticsToCapture 101",
		"?IntervalBetweenBEReadCycles=3601":  "IntervalBetweenBEReadCycles 3601",
		"?NumOfDaysToCollectLogs=4294967295": "NumOfDaysToCollectLogs",
		"?SkipStatistics=perhaps":            "SkipStatistics",
	} {
		t.Run(query, func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/logs"+query, admin, "")
			require.Equal(t, 400, status, body)
			require.Contains(t, body, want)
		})
	}
	status, _ := s.do(http.MethodGet, "/api/v2/logs", "", "")
	require.Equal(t, 401, status)
}

// sink discards what is written and records the greatest heap size.
type sink struct {
	header http.Header
	n      int
	most   uint64
}

func (w *sink) Header() http.Header { return w.header }

func (w *sink) WriteHeader(int) {}

func (w *sink) Write(p []byte) (int, error) {
	if w.n += len(p); w.n>>18 != (w.n-len(p))>>18 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(p), nil
}

// Memory does not grow with the size of the archive.
func TestFetchLogs_MemoryIsConstant(t *testing.T) {
	heap := func(volumes int) (most uint64, size int) {
		s := newServer(t, withCluster("servers: 1\nvolumes: {count: "+strconv.Itoa(volumes)+", size: 1MiB, "+
			"replicaCount: 1}"))
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := &sink{header: http.Header{}}
		req := httptest.NewRequest(http.MethodGet, "/api/v2/logs?DontCompressOutput=true&NumOfstatisticsToCapture=5",
			nil)
		req.Header.Set("Authorization", "Bearer "+admin)
		s.handler.ServeHTTP(w, req)
		return w.most - min(w.most, before.HeapAlloc), w.n
	}
	small, sizeOfSmall := heap(2_000)
	large, sizeOfLarge := heap(16_000)
	require.Greater(t, sizeOfLarge, 6*sizeOfSmall)
	require.Less(t, large, small+8<<20, "an archive of %d bytes used %d bytes of memory, one of %d bytes used %d",
		sizeOfSmall, small, sizeOfLarge, large)
}
