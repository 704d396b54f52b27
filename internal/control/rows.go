package control

import (
	"net/http"
	"reflect"

	"storagesim/internal/api"
	"storagesim/internal/scenario"
)

// Row is one call of the control surface.
type Row struct {
	Name     string // "CreateWorld"; control.CreateWorld in listings
	Method   string
	Path     string // a pattern of chi
	Statuses []int  // of its responses, success first
	Query    []string
	Doc      string

	// Open marks a call that needs no admin token: it changes nothing, and returns nothing that clients have sent.
	Open bool
	// Process marks a call about the process or about several worlds. The port of one world refuses it.
	Process bool
	// OfWorld marks a call whose path parameter name is a world.
	OfWorld bool
	// Unscripted marks a call that a scenario cannot make.
	Unscripted bool
	// Produces is the media type of a response other than application/json. Form is its type if it is a JSON format.
	Produces string
	Form     reflect.Type
	// Consumes is the media type of a body that is not JSON. Takes is a media type that the body may have besides JSON.
	Consumes, Takes string
	// Other maps a status to its response type, if that differs from the endpoint's.
	Other map[int]reflect.Type
	// Events maps the event types of a stream to the Go types of their data.
	Events map[string]reflect.Type

	// Example is a request that succeeds in a new world on the fixture small.
	Example api.Example

	Endpoint endpoint
}

// ID returns the name of the call in listings and logs, such as "control.CreateWorld".
func (row *Row) ID() string { return "control." + row.Name }

// Operations returns all calls.
func Operations() []Row { return operations }

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)

var operations = []Row{
	{Name: "GetIndex", Open: true, Method: get, Path: Prefix, Statuses: []int{200},
		Endpoint: query(getIndex), Produces: "text/html",
		Doc: "Says what the program is and links to what it serves, in JSON or, depending on Accept, in HTML. " +
			"GET / is the same."},
	{Name: "GetHealth", Open: true, Method: get, Path: "/_sim/health", Statuses: []int{200},
		Endpoint: query(getHealth),
		Doc:      "Returns the status, the version and the uptime of the program."},
	{Name: "GetReadiness", Open: true, Method: get, Path: "/_sim/ready", Statuses: []int{200, 503},
		Endpoint: query(getReadiness),
		Doc:      "Reports whether the program is ready; 503 lists what is pending."},
	{Name: "ListOperations", Open: true, Method: get, Path: "/_sim/operations", Statuses: []int{200, 400},
		Query:    []string{"vendor"},
		Endpoint: query(listOperations),
		Doc:      "Lists the vendors' operations; vendor=control lists the calls of the control surface."},
	{Name: "ListMachines", Open: true, Method: get, Path: "/_sim/machines", Statuses: []int{200, 400},
		Query:    []string{"format", "kind"},
		Endpoint: query(listMachines), Produces: "text/plain",
		Doc: "Lists the state machines of the resources; format=mermaid returns diagrams."},
	{Name: "GetOpenAPI", Open: true, Method: get, Path: "/_sim/openapi/{vendor}.json", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"vendor": "lightbits"}},
		Endpoint: query(getOpenAPI),
		Doc:      "Returns the OpenAPI 3.1 document of a vendor or of the control surface."},
	{Name: "GetMetrics", Open: true, Process: true, Method: get, Path: MetricsPath, Statuses: []int{200},
		Endpoint: query(getMetrics), Produces: "text/plain",
		Doc: "Returns the program's metrics in the Prometheus text format."},
	{Name: "GetCA", Open: true, Method: get, Path: "/_sim/ca.pem", Statuses: []int{200, 404},
		Endpoint: query(getCA), Produces: "application/x-pem-file",
		Doc: "Returns the CA certificate of the TLS listener in PEM."},

	{Name: "CreateWorld", Process: true, Method: post, Path: "/_sim/worlds",
		Statuses: []int{201, 400, 404, 409, 413, 429},
		Example: api.Example{Body: `{"name":"test-1","from":"small","seed":7,"ttl":"1h",` +
			`"clock":{"mode":"frozen","now":"2040-01-02T03:04:05Z"},"delays":{"lightbits.volume.create":"5s"},` +
			`"auth":"strict","federation":true,"maxRunningWorkflows":5}`},
		Endpoint: handleUpTo(maxNewWorld, createWorld, checkNewWorld),
		Doc: "Creates a world from a fixture, a checkpoint or the fixture in state, with its clock, its delays and its " +
			"settings, in one step."},
	{Name: "ListWorlds", Process: true, Method: get, Path: "/_sim/worlds", Statuses: []int{200},
		Endpoint: query(listWorlds),
		Doc:      "Lists all worlds by name."},
	{Name: "GetWorld", OfWorld: true, Method: get, Path: "/_sim/worlds/{name}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"name": "default"}},
		Endpoint: query(getWorld),
		Doc:      "Returns a world."},
	{Name: "DeleteWorld", OfWorld: true, Method: del, Path: "/_sim/worlds/{name}", Statuses: []int{200, 400, 404, 409},
		Example:  api.Example{Path: map[string]string{"name": "test-1"}},
		Endpoint: bare(deleteWorld),
		Doc:      "Deletes a world and lists the resources that were left in it."},
	{Name: "ResetWorld", Method: post, Path: "/_sim/reset", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"to":"small"}`},
		Endpoint: handle(resetWorld),
		Doc:      "Resets the world to its start, to a checkpoint or to a fixture."},
	{Name: "ListCheckpoints", Method: get, Path: "/_sim/checkpoints", Statuses: []int{200, 404},
		Endpoint: query(listCheckpoints),
		Doc:      "Lists the world's checkpoints by name."},
	{Name: "PutCheckpoint", Method: put, Path: "/_sim/checkpoints/{name}", Statuses: []int{200, 400, 404, 429},
		Example:  api.Example{Path: map[string]string{"name": "before-upgrade"}},
		Endpoint: bare(putCheckpoint),
		Doc:      "Saves the current state of the world as a checkpoint."},
	{Name: "DeleteCheckpoint", Method: del, Path: "/_sim/checkpoints/{name}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"name": "before-upgrade"}},
		Endpoint: bare(deleteCheckpoint),
		Doc:      "Deletes a checkpoint."},
	{Name: "RestoreCheckpoint", Method: post, Path: "/_sim/checkpoints/{name}/restore", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"name": "before-upgrade"}},
		Endpoint: bare(restoreCheckpoint),
		Doc:      "Restores the world to a checkpoint, any number of times."},
	{Name: "GetState", Method: get, Path: "/_sim/state", Statuses: []int{200, 404, 406, 409},
		Endpoint: query(getState), Produces: typeYAML,
		Doc: "Exports the whole world as a fixture, in JSON or, depending on Accept, in YAML. It includes keys " +
			"and secrets."},
	{Name: "PutState", Method: put, Path: "/_sim/state", Statuses: []int{200, 400, 404, 413},
		Example:  api.Example{Body: `{"lightbits":{"clusters":[{"name":"east"}]}}`},
		Endpoint: read[map[string]any](putState, nil), Takes: typeYAML,
		Doc: "Replaces the world with a fixture, which becomes its start for resets; checkpoints are kept."},

	{Name: "GetClock", Method: get, Path: "/_sim/clock", Statuses: []int{200, 404},
		Endpoint: query(getClock),
		Doc:      "Returns the mode, the rate and the time of the world's clock."},
	{Name: "SetClock", Method: put, Path: "/_sim/clock", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"mode":"frozen","now":"2040-01-02T03:04:05Z"}`},
		Endpoint: handle(setClock, checkClock),
		Doc:      "Sets the mode, the rate or the time of the world's clock."},
	{Name: "AdvanceClock", Method: post, Path: "/_sim/clock/advance", Statuses: []int{200, 400, 404, 409},
		Example:  api.Example{Body: `{"by":"10m"}`},
		Endpoint: handle(advanceClock, checkAdvance),
		Doc:      "Advances the world's clock and lists the transitions that fired."},
	{Name: "ListTimers", Method: get, Path: "/_sim/timers", Statuses: []int{200, 404},
		Endpoint: query(listTimers),
		Doc:      "Lists the world's pending transitions by due time."},
	{Name: "GetDelays", Method: get, Path: "/_sim/delays", Statuses: []int{200, 404},
		Endpoint: query(getDelays),
		Doc:      "Returns the world's named delays."},
	{Name: "SetDelays", Method: put, Path: "/_sim/delays", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"lightbits.volume.create":"5s"}`},
		Endpoint: handle(setDelays, checkDelays),
		Doc:      "Changes the given delays; null restores a default."},

	{Name: "ListResources", Method: get, Path: "/_sim/resources", Statuses: []int{200, 400, 404},
		Query:    []string{"kind", "cluster", "state", "limit"},
		Endpoint: query(listResources),
		Doc:      "Lists the world's resources with their states and the events that they accept."},
	{Name: "GetResource", Method: get, Path: "/_sim/resources/{kind}/{id}", Statuses: []int{200, 400, 404},
		Query:    []string{"cluster"},
		Example:  api.Example{Path: map[string]string{"kind": "lucidity.tenant", "id": "123456789012"}},
		Endpoint: query(getResource),
		Doc:      "Returns a resource by its id or by a unique name."},
	{Name: "FireEvent", Method: post, Path: "/_sim/resources/{kind}/{id}/events", Statuses: []int{200, 400, 404, 409},
		Query: []string{"cluster"},
		Example: api.Example{
			Path: map[string]string{"kind": "lucidity.tenant", "id": "123456789012"},
			Body: `{"event":"deboard"}`,
		},
		Endpoint: handle(fireEvent, checkFiring),
		Doc:      "Fires an event of the resource's state machine."},
	{Name: "ReleaseTransition", Method: post, Path: "/_sim/resources/{kind}/{id}/release",
		Statuses: []int{200, 400, 404, 409},
		Query:    []string{"cluster"},
		Example:  api.Example{Path: map[string]string{"kind": "lightbits.volume", "id": "vol1"}},
		Endpoint: bare(releaseTransition),
		Doc:      "Fires the resource's pending or held transition now."},
	{Name: "ListActions", Open: true, Method: get, Path: "/_sim/actions", Statuses: []int{200},
		Endpoint: query(listActions),
		Doc:      "Lists the physical actions and their parameters."},
	{Name: "DoAction", Method: post, Path: "/_sim/actions/{vendor}/{action}", Statuses: []int{200, 400, 404, 409},
		Example: api.Example{
			Path: map[string]string{"vendor": "lightbits", "action": "fill-cluster"},
			Body: `{"percent":50}`,
		},
		Endpoint: read[map[string]any](doAction, checkAction),
		Doc:      "Performs a physical action, such as a power failure or a broken device."},
	{Name: "CreateToken", Method: post, Path: "/_sim/tokens", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"vendor":"lightbits","role":"system:viewer","ttl":"1h"}`},
		Endpoint: handle(createToken, checkToken),
		Doc:      "Mints a token of a vendor for the world."},

	{Name: "GetIdpDiscovery", Open: true, Method: get, Path: "/_sim/idp/{world}/.well-known/openid-configuration",
		Statuses: []int{200, 400, 404, 503},
		Example:  api.Example{Path: map[string]string{"world": "default"}},
		Endpoint: query(getIdpDiscovery),
		Doc:      "Returns the discovery document of the world's identity provider."},
	{Name: "GetIdpKeys", Open: true, Method: get, Path: "/_sim/idp/{world}/jwks", Statuses: []int{200, 400, 404, 503},
		Example:  api.Example{Path: map[string]string{"world": "default"}},
		Endpoint: query(getIdpKeys),
		Doc:      "Returns the public keys of the world's identity provider."},
	{Name: "CreateIdpToken", Open: true, Method: post, Path: "/_sim/idp/{world}/token",
		Statuses: []int{200, 400, 404, 503},
		Example: api.Example{
			Path: map[string]string{"world": "default"},
			Body: `{"grant_type":"client_credentials","client_id":"app"}`,
		},
		Endpoint: read[tokenForm](createIdpToken, nil), Consumes: "application/x-www-form-urlencoded",
		Doc: "Issues a token of the world's identity provider; the body is an OAuth 2.0 form."},

	{Name: "CreateFault", Method: post, Path: "/_sim/faults", Statuses: []int{201, 400, 404, 409, 429},
		Example: api.Example{
			Body: `{"match":{"operation":"lightbits.GetVolume"},"when":{"times":2},"effect":{"status":500}}`,
		},
		Endpoint: handle(createFault, checkRule),
		Doc:      "Adds a fault rule to the world."},
	{Name: "ReplaceFaults", Method: put, Path: "/_sim/faults", Statuses: []int{200, 400, 404},
		Example: api.Example{
			Body: `{"rules":[{"match":{"operation":"lightbits.GetVolume"},"when":{"times":2},"effect":{"status":500}}]}`,
		},
		Endpoint: handle(replaceFaults, checkRules),
		Doc:      "Replaces all fault rules of the world; their counters start at zero."},
	{Name: "ListFaults", Method: get, Path: "/_sim/faults", Statuses: []int{200, 404},
		Endpoint: query(listFaults),
		Doc:      "Lists the world's fault rules in the order of their evaluation, exhausted ones included."},
	{Name: "DeleteFaults", Method: del, Path: "/_sim/faults", Statuses: []int{200, 404},
		Endpoint: bare(deleteFaults),
		Doc:      "Deletes all fault rules of the world."},
	{Name: "ListFaultCatalog", Open: true, Method: get, Path: "/_sim/faults/catalog", Statuses: []int{200, 400},
		Query:    []string{"operation"},
		Endpoint: query(listFaultCatalog),
		Doc:      "Lists every documented error of every operation with its response body."},
	{Name: "GetFault", Method: get, Path: "/_sim/faults/{id}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"id": "two-failures"}},
		Endpoint: query(getFault),
		Doc:      "Returns a fault rule and its counters."},
	{Name: "PutFault", Method: put, Path: "/_sim/faults/{id}", Statuses: []int{200, 400, 404, 429},
		Example: api.Example{
			Path: map[string]string{"id": "two-failures"},
			Body: `{"match":{"operation":"lightbits.GetVolume"},"when":{"times":2},"effect":{"status":500}}`,
		},
		Endpoint: handle(putFault, checkRule),
		Doc:      "Creates or replaces the fault rule with an id; its counters start at zero."},
	{Name: "DeleteFault", Method: del, Path: "/_sim/faults/{id}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"id": "two-failures"}},
		Endpoint: bare(deleteFault),
		Doc:      "Deletes a fault rule."},
	{Name: "CreateFaultPlan", Method: post, Path: "/_sim/fault-plans", Statuses: []int{201, 400, 404, 409, 429},
		Example:  api.Example{Body: `{"operations":{"lightbits.GetCluster":["500","pass"]}}`},
		Endpoint: handle(createFaultPlan, checkPlan),
		Doc: "Creates a fault plan: the results, in order, of the requests that carry its id in " +
			"X-Sim-Fault-Plan."},
	{Name: "GetFaultPlan", Method: get, Path: "/_sim/fault-plans/{id}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"id": "plan-1"}},
		Endpoint: query(getFaultPlan),
		Doc:      "Returns a fault plan: its remaining steps and whether it is completed."},

	{Name: "ListRequests", Method: get, Path: "/_sim/requests", Statuses: []int{200, 400, 404},
		Query:    []string{"operation", "status", "world", "since", "limit", "before"},
		Endpoint: query(listRequests), Produces: harType, Form: reflect.TypeFor[harFile](),
		Doc: "Lists the latest vendor requests of the world's life, at most 1000, with secrets redacted; " +
			"before=req-12 continues with earlier ones, world=* lists all lives of all worlds."},
	{Name: "GetRequest", Method: get, Path: "/_sim/requests/{id}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"id": "req-1"}},
		Endpoint: query(getRequest), Produces: harType, Form: reflect.TypeFor[harFile](),
		Doc: "Returns one exchange of the journal, of this or an earlier life of the world."},
	{Name: "ExplainRequest", Method: get, Path: "/_sim/requests/{id}/explain", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"id": "req-1"}},
		Endpoint: query(explainRequest),
		Doc:      "Explains the response to a request and lists what would have worked."},
	{Name: "DeleteRequests", Method: del, Path: "/_sim/requests", Statuses: []int{200, 400, 404},
		Query:    []string{"world"},
		Endpoint: bare(deleteRequests),
		Doc:      "Clears the journal of the world; world=* clears that of all worlds."},
	{Name: "Verify", Method: post, Path: "/_sim/verify", Statuses: []int{200, 400, 404, 406, 409},
		Query: []string{"world"},
		Example: api.Example{
			Body: `{"match":{"operation":"lightbits.CreateVolume","status":"2xx"},"count":{"max":1},"noUnexpected":true}`,
		},
		Endpoint: handle(verify, checkVerify),
		Doc: "Checks the world's requests against expectations; 406 lists the expected and the actual values. " +
			"world=* checks those of all worlds."},
	{Name: "StreamEvents", Method: get, Path: "/_sim/events", Statuses: []int{200, 400, 404, 429},
		Query:    []string{"type", "world"},
		Endpoint: query(streamEvents), Produces: "text/event-stream", Events: eventData(), Unscripted: true,
		Doc: "Streams the events of the world as server-sent events: requests, transitions, faults, clock changes; " +
			"world=* streams those of all worlds."},
	{Name: "StartScenario", Method: post, Path: "/_sim/scenarios", Statuses: []int{201, 200, 400, 404, 409, 413, 429},
		Query:      []string{"name", "dryRun"},
		Example:    api.Example{Body: exampleScenario},
		Endpoint:   read[scenario.Scenario](startScenario, nil),
		Takes:      typeYAML,
		Other:      map[int]reflect.Type{http.StatusOK: reflect.TypeFor[checkedScenario]()},
		Unscripted: true,
		Doc: "Checks a scenario in YAML or JSON and starts it in the world; name selects a built-in one, " +
			"dryRun=true only checks."},
	{Name: "ListScenarios", Method: get, Path: "/_sim/scenarios", Statuses: []int{200},
		Endpoint: query(listScenarios),
		Doc:      "Lists the scenarios of this process with their verdicts, and the names of the built-in ones."},
	{Name: "GetScenario", Method: get, Path: "/_sim/scenarios/{id}", Statuses: []int{200, 400, 404},
		Query:    []string{"wait"},
		Example:  api.Example{Path: map[string]string{"id": "scenario-1"}},
		Endpoint: query(getScenario),
		Doc:      "Returns a scenario's timeline and verdict; wait=10s waits until it ends, at most for that time."},
	{Name: "DeleteScenario", Method: del, Path: "/_sim/scenarios/{id}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"id": "scenario-1"}},
		Endpoint: bare(deleteScenario),
		Doc:      "Stops a running scenario; removes one that has ended."},
}

const exampleScenario = `{"name":"one-volume","header":{"Authorization":"Bearer ${tokens.lightbits}"},"steps":[` +
	`{"id":"create","request":"POST /api/v2/projects/default/volumes",` +
	`"body":{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}}]}`
