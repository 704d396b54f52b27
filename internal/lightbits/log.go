package lightbits

import (
	"net/http"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) logsOperations() []api.Operation {
	return []api.Operation{
		{Name: "FetchLogs", Method: http.MethodGet, Path: "/api/v2/logs",
			Statuses: []int{200, 401, 403, 500}, Needs: can("logs", "get"), Endpoint: api.Handle(s.fetchLogs),
			Produces: []string{"application/gzip", "application/x-tar", "application/x-xz"}},
	}
}

// fetchLogsRequest has the members of spec message LogRequest, in the vendor's spelling.
type fetchLogsRequest struct {
	SkipStatistics              bool
	CaptureCPUAndTCPDump        bool `json:"CaptureCpuAndTcpDump"`
	NumOfDaysToCollectLogs      uint32
	CollectServicesLbcliEtcd    bool
	IntervalBetweenBEReadCycles uint32 // seconds
	DontCollectLogs             bool   `json:"DontCollectlogs"`
	LogFilename                 string
	NumOfStatisticsToCapture    uint32 `json:"NumOfstatisticsToCapture"`
	DontCompressOutput          bool
	IoNice                      bool
	UseHighCompression          bool
}

// The defaults of the options (seeds/002 "Retrieve server logs and other information") and their greatest values
// (assumption 240).
const (
	defaultLogDays     = 2
	maxLogDays         = 3650
	defaultLogCycles   = 1
	maxLogCycles       = 100
	defaultLogInterval = 5
	maxLogInterval     = 3600
	maxLogPrefix       = 64
)

// fetchLogs: seeds/002 "Retrieve server logs and other information". The response is an archive that is generated while
// it is sent (its content: assumption 241). It returns InvalidArgument for invalid options, which the page does not
// document.
func (s *Service) fetchLogs(tx *store.Tx, _ *api.Request, q *fetchLogsRequest) (*api.Stream, error) {
	if q.LogFilename != "" && !plainWord(q.LogFilename, maxLogPrefix) {
		return nil, refusal.New(refusal.InvalidArgument,
			"LogFilename %q is not valid: 1 to %d letters, digits, '-', '_' and '.' are expected", q.LogFilename,
			maxLogPrefix)
	}
	for _, option := range []struct {
		name          string
		value         *uint32
		initial, most uint32
	}{
		{"NumOfDaysToCollectLogs", &q.NumOfDaysToCollectLogs, defaultLogDays, maxLogDays},
		{"NumOfstatisticsToCapture", &q.NumOfStatisticsToCapture, defaultLogCycles, maxLogCycles},
		{"IntervalBetweenBEReadCycles", &q.IntervalBetweenBEReadCycles, defaultLogInterval, maxLogInterval},
	} {
		if *option.value == 0 {
			*option.value = option.initial
		}
		if *option.value > option.most {
			return nil, refusal.New(refusal.InvalidArgument, "%s %d is too large; it must be at most %d", option.name,
				*option.value, option.most)
		}
	}
	c, err := s.cluster(tx)
	if err != nil {
		return nil, err
	}
	a := &logArchive{
		service: s, options: *q, at: tx.Now,
		since: tx.Now.Add(-time.Duration(q.NumOfDaysToCollectLogs) * 24 * time.Hour),
		root:  "lightbits-logs-" + c.Name + "-" + tx.Now.UTC().Format("20060102-150405"),
	}
	if q.LogFilename != "" {
		a.root = q.LogFilename + "-" + a.root
	}
	extension, contentType := q.packing()
	return &api.Stream{ContentType: contentType, Filename: a.root + extension, Write: a.write}, nil
}

// packing returns the extension that the page names, and its content type.
func (q *fetchLogsRequest) packing() (extension, contentType string) {
	switch {
	case q.DontCompressOutput:
		return ".tar", "application/x-tar"
	case q.UseHighCompression:
		return ".txz", "application/x-xz"
	}
	return ".tgz", "application/gzip"
}
