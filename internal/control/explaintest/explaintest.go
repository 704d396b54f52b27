// Package explaintest holds explanations (GET /_sim/requests/{id}/explain) to what they promise: every refusal has a
// cause, whose kind may lead to the status that was sent and whose members are filled.
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

// form is what the cause of a kind looks like.
type form struct {
	// statuses are those that it may be behind; nil is all.
	statuses []int
	// members are sets of members, of which all of one must be filled: thing.state is the member of a member.
	members [][]string
}

// forms are all kinds of causes that a 4xx or 503 can have. refusal.Unemulated is behind 501, refusal.Failure behind 500.
var forms = map[refusal.CauseKind]form{
	refusal.Guard: {[]int{400, 404, 409, 412, 503}, [][]string{{"machine", "id", "state", "since", "by", "takes", "operation"}}},
	refusal.ETag:  {[]int{412}, [][]string{{"expected", "current", "changedBy"}, {"expected", "none", "changedBy"}}},
	refusal.Permission: {[]int{403}, [][]string{
		{"subject", "resource", "action"}, {"idpConfiguration"}, {"instance", "detail"}, {"user", "needs"}}},
	refusal.Credential: {[]int{400, 401, 403}, [][]string{{"rule", "token"}, {"user", "filespace"}, {"reason"}, {"error"}, {"detail"}}},
	refusal.Value:      {[]int{400, 412}, [][]string{{"rule", "member"}, {"rule", "members"}, {"rule", "names"}, {"member", "request"}, {"error"}, {"valid"}, {"problem"}}},
	refusal.Missing:    {[]int{400, 404}, [][]string{{"rule", "names"}, {"rule", "there"}, {"rule", "kinds"}, {"rule", "member"}}},
	refusal.Exists:     {[]int{400, 409}, [][]string{{"name", "project", "state"}, {"rule", "names"}, {"rule", "thing.state"}}},
	refusal.Condition: {[]int{400, 409, 412, 422, 503}, [][]string{
		{"thing.kind", "thing.id", "thing.state", "thing.since", "thing.by"}, {"filespaces"}, {"server", "operation"}, {"volumes", "member"}, {"problem", "refused"}, {"provider", "region"}, {"instance"}, {"setting", "value"}, {"kinds"}, {"last", "from"}, {"volume", "protectionState"}}},
	refusal.Limit:       {[]int{400, 413, 429, 503}, [][]string{{"limit"}, {"maxRunningWorkflows", "running"}}},
	refusal.Unreachable: {[]int{503}, [][]string{{"action"}}},
	refusal.Rule:        {nil, [][]string{{"rules", "effects"}}},
	refusal.InvalidFault:   {[]int{400}, [][]string{{"detail", "valid"}}},
	refusal.Route:       {[]int{404, 405}, [][]string{{"method", "path", "vendor"}}},
	refusal.World:       {[]int{404}, [][]string{{"world"}}},
	refusal.Cluster:     {[]int{404}, [][]string{{"cluster", "there"}}},
}

// Kinds lists the kinds of causes that a 4xx or 503 can have.
func Kinds() []refusal.CauseKind {
	var kinds []refusal.CauseKind
	for kind := range forms {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// Refused says whether answers of the status have to have a cause.
func Refused(status int) bool {
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError || status == http.StatusServiceUnavailable
}

// Check says what is wrong with the explanation of an answer that had that status, and X-Sim-Fault where it was injected;
// and answers the kind of its cause, "" for an answer that needs none (see Refused).
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
	case len(e.WouldWork) == 0 || slices.ContainsFunc(e.WouldWork, func(s string) bool { return strings.TrimSpace(s) == "" }):
		problem = "it does not say what would have worked"
	default:
		return kind, nil
	}
	return kind, errors.New(problem + ": " + string(explanation))
}

// filled says whether all the members are there and not empty.
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
