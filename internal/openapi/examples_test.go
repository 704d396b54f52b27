package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// operation is what the test reads of an operation in a document.
type operation struct {
	OperationID string
	Parameters  []struct{ Name, In, Example string }
	RequestBody *struct {
		Content map[string]struct{ Example json.RawMessage }
	}

	method, path string
}

func (op *operation) body() (media, text string) {
	if op.RequestBody == nil {
		return "", ""
	}
	for _, media := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
		example := op.RequestBody.Content[media].Example
		if media == "application/x-www-form-urlencoded" {
			var members map[string]string
			_ = json.Unmarshal(example, &members)
			form := url.Values{}
			for name, value := range members {
				form.Set(name, value)
			}
			return media, form.Encode()
		}
		if example != nil {
			return media, string(example)
		}
	}
	return "", ""
}

// before are the operations whose examples make what an example needs and the fixture does not have.
var before = map[string][]string{
	"control.DeleteWorld":               {"CreateWorld"},
	"control.DeleteCheckpoint":          {"PutCheckpoint"},
	"control.RestoreCheckpoint":         {"PutCheckpoint"},
	"control.DeleteFault":               {"PutFault"},
	"control.DeleteScenario":            {"StartScenario"},
	"lightbits.CreateSnapshot":          {"CreateVolume", "advance"},
	"lightbits.DeleteSnapshot":          {"CreateVolume", "advance", "CreateSnapshot", "advance"},
	"lightbits.DeleteVolume":            {"CreateVolume", "advance"},
	"lightbits.DeleteVolume2":           {"CreateVolume", "advance"},
	"lightbits.UpdateVolume":            {"CreateVolume", "advance"},
	"lightbits.UpdateVolume2":           {"CreateVolume", "advance"},
	"lightbits.RollbackVolume":          {"CreateVolume", "advance", "CreateSnapshot", "advance", "CreateVolume!UUID"},
	"lightbits.DeleteProject":           {"CreateProject"},
	"lightbits.DeletePolicy":            {"CreatePolicy", "advance"},
	"lightbits.UpdateAdminEndpoint":     {"CreateAdminEndpoint", "advance"},
	"lightbits.DeleteAdminEndpoint":     {"CreateAdminEndpoint", "advance"},
	"lightbits.UpdateIdpConfiguration":  {"CreateIdpConfiguration", "advance"},
	"lightbits.DeleteIdpConfiguration":  {"CreateIdpConfiguration", "advance"},
	"lightbits.CreateIdpClientConf":     {"CreateIdpConfiguration", "advance"},
	"lightbits.CreateAuthMapEntry":      {"CreateIdpConfiguration", "advance", "CreateIdpClientConf"},
	"lightbits.EnableServer":            {"DisableServer", "advance"},
	"lightbits.StartNodeInstance":       {"StopNodeInstance", "advance"},
	"lightbits.DeleteAuthMapEntry":      {"CreateIdpConfiguration", "advance", "CreateIdpClientConf", "CreateAuthMapEntry"},
	"lightbits.UpdateAuthMapEntry":      {"CreateIdpConfiguration", "advance", "CreateIdpClientConf", "CreateAuthMapEntry"},
	"lightbits.DeleteIdpClientConf":     {"CreateIdpConfiguration", "advance", "CreateIdpClientConf"},
	"lightbits.CreateTrustedHost":       {"EnableFeatureFlag"},
	"lightbits.EnableClusterInBandAuth": {"EnableFeatureFlag"},
	"lightbits.DeleteTrustedHost":       {"EnableFeatureFlag", "CreateTrustedHost"},
	"lightbits.UpdateTrustedHost":       {"EnableFeatureFlag", "CreateTrustedHost"},
	"lightbits.CreateResourcePolicy":    {"CreateVolume", "advance"},
	"lightbits.DeleteResourcePolicy":    {"CreateVolume", "advance", "CreateResourcePolicy", "advance"},
	"lucidlink.CreateDomain":            {"DeleteDomain"},
	"lucidlink.CreateDomain2":           {"DeleteDomain"},
}

// Each example that a row gives succeeds in a new world on the fixture small.
func TestDocuments_ExamplesAreAccepted(t *testing.T) {
	s := simtest.New(t)
	for _, name := range []string{"control", "lightbits", "dms", "lucidlink", "lucidity"} {
		operations := operationsOf(t, s, name)
		for _, id := range slices.Sorted(maps.Keys(operations)) {
			op := operations[id]
			if op.method == http.MethodGet || strings.HasSuffix(id, "ByQuery") {
				continue
			}
			t.Run(name+"."+id, func(t *testing.T) {
				if why := unexampled[name+"."+id]; why != "" {
					t.Skip(why)
				}
				world := s.Must(http.StatusCreated, http.MethodPost, "/_sim/worlds", `{"from":"small"}`)
				w := s.In(world.Text(".name"))
				defer s.Do(http.MethodDelete, "/_sim/worlds/test-1", "") // what CreateWorld makes
				defer s.Must(http.StatusOK, http.MethodDelete, "/_sim/worlds/"+world.Text(".name"), "")
				w.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
				client := exampleClient{Server: w, t: t, vendor: name, token: fmt.Sprint(world.Get(".tokens." + name)), found: map[string]string{}}
				for _, step := range before[name+"."+id] {
					if step == "advance" {
						w.Must(http.StatusOK, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
						continue
					}
					earlier, _, _ := strings.Cut(step, "!")
					if earlier != step {
						client.found = client.first
						continue
					}
					client.send(operations[earlier])
				}
				client.send(op)
			})
		}
	}
}

func operationsOf(t *testing.T, s *simtest.Server, name string) map[string]*operation {
	t.Helper()
	var document struct {
		Paths map[string]map[string]*operation
	}
	text := s.Must(http.StatusOK, http.MethodGet, "/_sim/openapi/"+name+".json", "").Body
	require.NoError(t, json.Unmarshal([]byte(text), &document))
	operations := map[string]*operation{}
	for path, methods := range document.Paths {
		for method, op := range methods {
			op.method, op.path = strings.ToUpper(method), path
			operations[op.OperationID] = op
		}
	}
	return operations
}

// exampleClient sends examples to a world. A parameter without an example has the value that an earlier response found.
type exampleClient struct {
	*simtest.Server

	t             *testing.T
	vendor, token string
	first, found  map[string]string
}

func (c *exampleClient) send(op *operation) {
	path, query := op.path, url.Values{}
	for _, p := range op.Parameters {
		value := p.Example
		if value == "" {
			value = c.found[p.Name]
		}
		switch {
		case p.In == "path":
			require.NotEmpty(c.t, value, "%s has no example of %s", op.OperationID, p.Name)
			path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(value), 1)
		case p.In == "query" && p.Example != "":
			query.Set(p.Name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	media, body := op.body()
	header := []string{"Content-Type", media}
	switch c.vendor {
	case "control":
	case "lucidity":
		header = append(header, "Authorization", c.token, "X-Authtype", "lucidity_access_token")
	default:
		if media != "application/x-www-form-urlencoded" {
			header = append(header, "Authorization", "Bearer "+c.token)
		}
	}
	a := c.Do(op.method, path, body, header...)
	require.Less(c.t, a.Status, http.StatusBadRequest, "%s %s %s: %s", op.method, path, body, a.Body)
	c.found = map[string]string{}
	var members map[string]any
	if json.Unmarshal([]byte(a.Body), &members) == nil {
		for name, value := range members {
			c.found[name] = fmt.Sprint(value)
		}
	}
	if c.first == nil {
		c.first = c.found
	}
}

// unexampled are the operations without an example that is accepted, and why.
var unexampled = map[string]string{
	"lightbits.DeleteServer":            "needs a server that was disabled",
	"control.ReleaseTransition":         "nothing is pending in the fixture",
	"dms.CancelWorkflow":                "needs a workflow that runs",
	"dms.CreateThickCloneSnapshot":      "needs a snapshot and its ids",
	"dms.CreateThickCloneVolume":        "needs a snapshot and its ids",
	"dms.DetachCluster":                 "needs an attached cluster",
	"dms.Login":                         "takes a user and a password in Authorization",
	"lightbits.AddNvmeDevice":           "needs a device that was inserted",
	"lightbits.AttachCluster":           "needs --federation",
	"lightbits.CFLogin":                 "not emulated",
	"lightbits.CFLogin2":                "not emulated",
	"lightbits.CreateCredential":        "needs a key in PEM",
	"lightbits.DeleteCredential":        "needs a key in PEM",
	"lightbits.DetachCluster":           "needs --federation",
	"lightbits.EnableClusterEncryption": "the feature flag is off in the fixture, and its servers have no TPM",
	"lightbits.ReplaceNode":             "needs a server beside the cluster",
	"lightbits.RotateClusterRootKey":    "the fixture is not encrypted",
	"lightbits.SetTrustedHostSecret":    "needs secrets in the format of NVMe in-band authentication",
	"lightbits.StartNodeInstance":       "all nodes of the fixture run",
	"lightbits.UpdateIdpClientConf":     "needs a client of the mode User",
	"lightbits.UpdateNvmeDevice":        "devices have no stable name",
	"lightbits.UpdateProject":           "the policy has no stable name",
	"lightbits.UpdateResourcePolicy":    "needs a schedule",
	"lucidity.GetPartitionStatus":       "no partition is being onboarded in the fixture",
	"lucidity.OnboardTenant":            "needs a cloud account",
	"lucidity.RefreshToken":             "needs a refresh token",
	"lucidity.RevokeBuffer":             "needs a buffer",
	"lucidlink.CreateSnapshot":          "needs a linked filespace",
	"lucidlink.CreateUser":              "needs a linked filespace",
	"lucidlink.DeleteFilespace":         "needs a filespace",
	"lucidlink.DeleteFilespace2":        "needs a filespace",
	"lucidlink.DeleteSnapshot":          "needs a linked filespace",
	"lucidlink.DeleteUser":              "needs a linked filespace",
	"lucidlink.InitializeS3":            "needs a filespace",
	"lucidlink.LinkFilespace":           "needs a filespace",
	"lucidlink.MountFilespace":          "needs a linked filespace",
	"lucidlink.SetCache":                "needs a linked filespace",
	"lucidlink.SyncFilespace":           "needs a linked filespace",
	"lucidlink.UnlinkFilespace":         "needs a linked filespace",
	"lucidlink.UnmountFilespace":        "needs a linked filespace",
	"lucidlink.UpdateUser":              "needs a linked filespace",
}
