// Package explaintest checks explanations (GET /_sim/requests/{id}/explain): every refusal has a cause, the kind of the
// cause
// is valid for the status, and its members are set.
package explaintest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/refusal"
)

// form describes the causes of a kind.
type form struct {
	// statuses are the statuses that it can cause; nil for all.
	statuses []int
	// members are sets of member paths, such as thing.state. All members of at least one set must be set.
	members [][]string
}

// forms has all kinds of causes of a 4xx or 503. A refusal.Unemulated causes a 501, a refusal.Failure a 500.
var forms = map[refusal.CauseKind]form{
	refusal.Guard: {[]int{400, 404, 409, 412, 503},
		[][]string{{"machine", "id", "state", "since", "by", "takes", "operation"}}},
	refusal.ETag: {[]int{412}, [][]string{{"expected", "current", "changedBy"}, {"expected", "none", "changedBy"}}},
	refusal.Permission: {[]int{403}, [][]string{
		{"subject", "resource", "action"}, {"idpConfiguration"}, {"instance", "detail"}, {"user", "needs"}}},
	refusal.Credential: {[]int{400, 401, 403}, [][]string{{"rule", "token"}, {"user", "filespace"}, {"reason"}, {"error"},
		{"detail"}}},
	refusal.Value: {[]int{400, 412}, [][]string{{"rule", "member"}, {"rule", "members"}, {"rule", "names"},
		{"member", "request"}, {"error"}, {"valid"}, {"problem"}}},
	refusal.Missing: {[]int{400, 404}, [][]string{{"rule", "names"}, {"rule", "there"}, {"rule", "kinds"},
		{"rule", "member"}}},
	refusal.Exists: {[]int{400, 409}, [][]string{{"name", "project", "state"}, {"rule", "names"},
		{"rule", "thing.state"}}},
	refusal.Condition: {[]int{400, 409, 412, 422, 503}, [][]string{
		{"thing.kind", "thing.id", "thing.state", "thing.since", "thing.by"}, {"filespaces"}, {"server",
			"operation"}, {"volumes", "member"}, {"problem", "refused"}, {"provider", "region"}, {"instance"}, {"setting",
			"value"}, {"kinds"}, {"last", "from"}, {"volume", "protectionState"}}},
	refusal.Limit:        {[]int{400, 413, 429, 503}, [][]string{{"limit"}, {"maxRunningWorkflows", "running"}}},
	refusal.Unreachable:  {[]int{503}, [][]string{{"action"}}},
	refusal.Rule:         {nil, [][]string{{"rules", "effects"}}},
	refusal.InvalidFault: {[]int{400}, [][]string{{"detail", "valid"}}},
	refusal.Route:        {[]int{404, 405}, [][]string{{"method", "path", "vendor"}}},
	refusal.World:        {[]int{404}, [][]string{{"world"}}},
	refusal.Cluster:      {[]int{404}, [][]string{{"cluster", "there"}}},
}

// Kinds returns the kinds of causes of a 4xx or 503, sorted.
func Kinds() []refusal.CauseKind {
	var kinds []refusal.CauseKind
	for kind := range forms {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// Refused reports whether a response with the status must have a cause.
func Refused(status int) bool {
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError ||
		status == http.StatusServiceUnavailable
}

// Check checks the explanation of a response with the status; injected reports whether the response had X-Sim-Fault. It
// returns the kind of the cause, or "" if the response needs none (see Refused).
func Check(status int, injected bool, explanation []byte) (refusal.CauseKind, error) {
	if !Refused(status) {
		return "", nil
	}
	var e struct {
		Status    int
		Why       string
		Cause     map[string]any
		WouldWork []string
	}
	if err := json.Unmarshal(explanation, &e); err != nil {
		return "", err
	}
	text, _ := e.Cause["kind"].(string)
	kind := refusal.CauseKind(text)
	f, known := forms[kind]
	var problem string
	switch {
	case e.Status != status:
		problem = fmt.Sprintf("it explains a %d", e.Status)
	case e.Why == "":
		problem = "it does not say why"
	case !known:
		problem = fmt.Sprintf("its cause is of the kind %q", kind)
	case f.statuses != nil && !slices.Contains(f.statuses, status):
		problem = fmt.Sprintf("a cause of the kind %s is never behind a %d", kind, status)
	case kind == refusal.Rule && !injected:
		problem = "nothing was injected"
	case !slices.ContainsFunc(f.members, func(set []string) bool { return filled(e.Cause, set) }):
		problem = fmt.Sprintf("a cause of the kind %s has all of one of %v", kind, f.members)
	case len(e.WouldWork) == 0 || slices.ContainsFunc(e.WouldWork,
		func(s string) bool { return strings.TrimSpace(s) == "" }):
		problem = "it does not say what would have worked"
	default:
		return kind, nil
	}
	return kind, errors.New(problem + ": " + string(explanation))
}

// filled reports whether all members exist and are not empty.
func filled(cause map[string]any, members []string) bool {
	for _, path := range members {
		var v any = cause
		for name := range strings.SplitSeq(path, ".") {
			in, _ := v.(map[string]any)
			v = in[name]
		}
		switch v := v.(type) {
		case nil:
			return false
		case string:
			if v == "" || v == "0001-01-01T00:00:00Z" {
				return false
			}
		case []any:
			if len(v) == 0 {
				return false
			}
		}
	}
	return true
}
