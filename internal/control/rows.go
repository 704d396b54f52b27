package control

import (
	"net/http"
	"reflect"

	"storagesim/internal/api"
)

// Row is one call of the control surface.
type Row struct {
	Name     string // "CreateWorld"; control.CreateWorld in listings
	Method   string
	Path     string // chi's form
	Statuses []int  // what it answers, success first
	Query    []string
	Doc      string

	// Unscripted marks a call that a scenario cannot make.
	Unscripted bool
	// Produces is the media type of a response that is not JSON, Form the type of its JSON if it is JSON all the same.
	Produces string
	Form     reflect.Type
	// Consumes is the media type of a body that is not JSON, Takes another one that the body may have.
	Consumes, Takes string
	// Other are responses of another type than the endpoint's, by status.
	Other map[int]reflect.Type
	// Events are the types of the data of the events of a stream, by the events' types.
	Events map[string]reflect.Type

	// Example is a request that succeeds in a new world on the fixture small.
	Example api.Example

	Endpoint endpoint
}

// ID is how the call is named in listings and logs.
func (row *Row) ID() string { return "control." + row.Name }

// Implemented says whether the call does what it is for; until then it answers 501.
func (row *Row) Implemented() bool { return row.Endpoint.call != nil }

// Operations lists the calls.
func Operations() []Row { return operations }

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)

var operations = []Row{
	{Name: "GetHealth", Method: get, Path: "/_sim/health", Statuses: []int{200},
		Endpoint: answer(getHealth),
		Doc:      "Answers as long as the program serves."},
	{Name: "GetReadiness", Method: get, Path: "/_sim/ready", Statuses: []int{200, 503},
		Endpoint: answer(getReadiness),
		Doc:      "Says whether the program is ready, or what is pending."},
	{Name: "ListOperations", Method: get, Path: "/_sim/operations", Statuses: []int{200, 400}, Query: []string{"vendor"},
		Endpoint: answer(listOperations),
		Doc:      "The vendors' operations; vendor=control lists the calls of this surface."},
	{Name: "ListMachines", Method: get, Path: "/_sim/machines", Statuses: []int{200, 400}, Query: []string{"format", "kind"},
		Endpoint: answer(listMachines), Produces: "text/plain",
		Doc: "The lifecycles as data; format=mermaid draws them."},
	{Name: "GetOpenAPI", Method: get, Path: "/_sim/openapi/{vendor}.json", Statuses: []int{200, 404},
		Example:  api.Example{Path: map[string]string{"vendor": "lightbits"}},
		Endpoint: answer(getOpenAPI),
		Doc:      "OpenAPI 3.1 of a vendor, or of control."},
	{Name: "GetMetrics", Method: get, Path: MetricsPath, Statuses: []int{200},
		Endpoint: answer(getMetrics), Produces: "text/plain",
		Doc: "Counters and sizes of the program as Prometheus reads them."},
	{Name: "GetCA", Method: get, Path: "/_sim/ca.pem", Statuses: []int{200, 404},
		Endpoint: answer(getCA), Produces: "application/x-pem-file",
		Doc: "The certificate authority of the TLS listener."},

	{Name: "CreateWorld", Method: post, Path: "/_sim/worlds", Statuses: []int{201, 400, 404, 409, 429},
		Example:  api.Example{Body: `{"name":"test-1","from":"small","seed":7,"ttl":"1h"}`},
		Endpoint: handle(createWorld),
		Doc:      "Makes a world on a fixture or a checkpoint."},
	{Name: "ListWorlds", Method: get, Path: "/_sim/worlds", Statuses: []int{200},
		Endpoint: answer(listWorlds),
		Doc:      "All worlds by name."},
	{Name: "GetWorld", Method: get, Path: "/_sim/worlds/{name}", Statuses: []int{200, 404},
		Example:  api.Example{Path: map[string]string{"name": "default"}},
		Endpoint: answer(getWorld),
		Doc:      "One world."},
	{Name: "DeleteWorld", Method: del, Path: "/_sim/worlds/{name}", Statuses: []int{200, 404, 409},
		Example:  api.Example{Path: map[string]string{"name": "test-1"}},
		Endpoint: bare(deleteWorld),
		Doc:      "Removes a world and tells what was left in it."},
	{Name: "ResetWorld", Method: post, Path: "/_sim/reset", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"to":"small"}`},
		Endpoint: handle(resetWorld),
		Doc:      "Takes the world back to where it started, to a checkpoint or to a fixture."},
	{Name: "ListCheckpoints", Method: get, Path: "/_sim/checkpoints", Statuses: []int{200, 404},
		Endpoint: answer(listCheckpoints),
		Doc:      "The world's checkpoints by name."},
	{Name: "PutCheckpoint", Method: put, Path: "/_sim/checkpoints/{name}", Statuses: []int{200, 400, 404},
		Example:  api.Example{Path: map[string]string{"name": "before-upgrade"}},
		Endpoint: bare(putCheckpoint),
		Doc:      "Keeps the world's present under a name."},
	{Name: "DeleteCheckpoint", Method: del, Path: "/_sim/checkpoints/{name}", Statuses: []int{200, 404},
		Example:  api.Example{Path: map[string]string{"name": "before-upgrade"}},
		Endpoint: bare(deleteCheckpoint),
		Doc:      "Forgets a checkpoint."},
	{Name: "RestoreCheckpoint", Method: post, Path: "/_sim/checkpoints/{name}/restore", Statuses: []int{200, 404},
		Example:  api.Example{Path: map[string]string{"name": "before-upgrade"}},
		Endpoint: bare(restoreCheckpoint),
		Doc:      "Takes the world back to a checkpoint, any number of times."},
	{Name: "GetState", Method: get, Path: "/_sim/state", Statuses: []int{200, 404, 406},
		Endpoint: answer(getState), Produces: typeYAML,
		Doc: "The whole world as a fixture file, JSON or, by Accept, YAML. Keys and secrets are in it."},
	{Name: "PutState", Method: put, Path: "/_sim/state", Statuses: []int{200, 400, 404, 413},
		Example:  api.Example{Body: `{"lightbits":{"clusters":[{"name":"east"}]}}`},
		Endpoint: read[map[string]any](putState, nil), Takes: typeYAML,
		Doc: "Replaces the world by what a fixture file says, which is then where it starts; checkpoints stay."},

	{Name: "GetClock", Method: get, Path: "/_sim/clock", Statuses: []int{200, 404},
		Endpoint: answer(getClock),
		Doc:      "How the world's clock stands."},
	{Name: "SetClock", Method: put, Path: "/_sim/clock", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"mode":"frozen","now":"2040-01-02T03:04:05Z"}`},
		Endpoint: handle(setClock, checkClock),
		Doc:      "Changes mode, rate or instant of the world's clock."},
	{Name: "AdvanceClock", Method: post, Path: "/_sim/clock/advance", Statuses: []int{200, 400, 404, 409},
		Example:  api.Example{Body: `{"by":"10m"}`},
		Endpoint: handle(advanceClock, checkAdvance),
		Doc:      "Moves the world's clock and tells what fired on the way."},
	{Name: "ListTimers", Method: get, Path: "/_sim/timers", Statuses: []int{200, 404},
		Endpoint: answer(listTimers),
		Doc:      "What is pending in the world, in due order."},
	{Name: "GetDelays", Method: get, Path: "/_sim/delays", Statuses: []int{200, 404},
		Endpoint: answer(getDelays),
		Doc:      "The named delays in force in the world."},
	{Name: "SetDelays", Method: put, Path: "/_sim/delays", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"lightbits.volume.create":"5s"}`},
		Endpoint: handle(setDelays, checkDelays),
		Doc:      "Merges named delays; null goes back to the default."},

	{Name: "ListResources", Method: get, Path: "/_sim/resources", Statuses: []int{200, 400, 404}, Query: []string{"kind", "cluster", "state", "limit"},
		Endpoint: answer(listResources),
		Doc:      "The things in the world with their states and the events they would take."},
	{Name: "GetResource", Method: get, Path: "/_sim/resources/{kind}/{id}", Statuses: []int{200, 404}, Query: []string{"cluster"},
		Example:  api.Example{Path: map[string]string{"kind": "lucidity.tenant", "id": "123456789012"}},
		Endpoint: answer(getResource),
		Doc:      "One thing, by id or by a name that only one has."},
	{Name: "FireEvent", Method: post, Path: "/_sim/resources/{kind}/{id}/events", Statuses: []int{200, 400, 404, 409}, Query: []string{"cluster"},
		Example: api.Example{
			Path: map[string]string{"kind": "lucidity.tenant", "id": "123456789012"},
			Body: `{"event":"deboard"}`,
		},
		Endpoint: handle(fireEvent, checkFiring),
		Doc:      "Fires an event of the thing's machine."},
	{Name: "ReleaseTransition", Method: post, Path: "/_sim/resources/{kind}/{id}/release", Statuses: []int{200, 404, 409}, Query: []string{"cluster"},
		Example:  api.Example{Path: map[string]string{"kind": "lightbits.volume", "id": "vol1"}},
		Endpoint: bare(releaseTransition),
		Doc:      "Fires the thing's pending or held transition now."},
	{Name: "ListActions", Method: get, Path: "/_sim/actions", Statuses: []int{200},
		Endpoint: answer(listActions),
		Doc:      "The physical actions there are, with their parameters."},
	{Name: "DoAction", Method: post, Path: "/_sim/actions/{vendor}/{action}", Statuses: []int{200, 400, 404, 409},
		Example: api.Example{
			Path: map[string]string{"vendor": "lightbits", "action": "fill-cluster"},
			Body: `{"percent":50}`,
		},
		Endpoint: read[map[string]any](doAction, checkAction),
		Doc:      "Does what a person or nature would do."},
	{Name: "CreateToken", Method: post, Path: "/_sim/tokens", Statuses: []int{200, 400, 404},
		Example:  api.Example{Body: `{"vendor":"lightbits","role":"system:viewer","ttl":"1h"}`},
		Endpoint: handle(createToken, checkToken),
		Doc:      "Mints a token of a vendor for the world."},

	{Name: "GetIdpDiscovery", Method: get, Path: "/_sim/idp/{world}/.well-known/openid-configuration", Statuses: []int{200, 404, 503},
		Example:  api.Example{Path: map[string]string{"world": "default"}},
		Endpoint: answer(getIdpDiscovery),
		Doc:      "The discovery document of the world's own identity provider."},
	{Name: "GetIdpKeys", Method: get, Path: "/_sim/idp/{world}/jwks", Statuses: []int{200, 404, 503},
		Example:  api.Example{Path: map[string]string{"world": "default"}},
		Endpoint: answer(getIdpKeys),
		Doc:      "The keys with which the world's own identity provider signs."},
	{Name: "CreateIdpToken", Method: post, Path: "/_sim/idp/{world}/token", Statuses: []int{200, 400, 404, 503},
		Example: api.Example{
			Path: map[string]string{"world": "default"},
			Body: `{"grant_type":"client_credentials","client_id":"app"}`,
		},
		Endpoint: read[tokenForm](createIdpToken, nil), Consumes: "application/x-www-form-urlencoded",
		Doc: "The token endpoint of the world's own identity provider: a form, as OAuth 2.0 has it."},

	{Name: "CreateFault", Method: post, Path: "/_sim/faults", Statuses: []int{201, 400, 404, 409},
		Example: api.Example{
			Body: `{"match":{"operation":"lightbits.GetVolume"},"when":{"times":2},"effect":{"status":500}}`,
		},
		Endpoint: handle(createFault, checkRule),
		Doc:      "Arms a fault rule in the world."},
	{Name: "ReplaceFaults", Method: put, Path: "/_sim/faults", Statuses: []int{200, 400, 404},
		Example: api.Example{
			Body: `{"rules":[{"match":{"operation":"lightbits.GetVolume"},"when":{"times":2},"effect":{"status":500}}]}`,
		},
		Endpoint: handle(replaceFaults, checkRules),
		Doc:      "Puts a whole set of fault rules in place of what there is, counters at zero."},
	{Name: "ListFaults", Method: get, Path: "/_sim/faults", Statuses: []int{200, 404},
		Endpoint: answer(listFaults),
		Doc:      "The world's fault rules in the order in which they are looked at, spent ones among them."},
	{Name: "DeleteFaults", Method: del, Path: "/_sim/faults", Statuses: []int{200, 404},
		Endpoint: bare(deleteFaults),
		Doc:      "Removes all fault rules of the world."},
	{Name: "ListFaultCatalog", Method: get, Path: "/_sim/faults/catalog", Statuses: []int{200, 400}, Query: []string{"operation"},
		Endpoint: answer(listFaultCatalog),
		Doc:      "Every documented refusal of every operation, with the body that it would have."},
	{Name: "GetFault", Method: get, Path: "/_sim/faults/{id}", Statuses: []int{200, 404},
		Example:  api.Example{Path: map[string]string{"id": "two-failures"}},
		Endpoint: answer(getFault),
		Doc:      "One fault rule and what has become of it."},
	{Name: "PutFault", Method: put, Path: "/_sim/faults/{id}", Statuses: []int{200, 400, 404},
		Example: api.Example{
			Path: map[string]string{"id": "two-failures"},
			Body: `{"match":{"operation":"lightbits.GetVolume"},"when":{"times":2},"effect":{"status":500}}`,
		},
		Endpoint: handle(putFault, checkRule),
		Doc:      "Writes a fault rule under an id, counters at zero."},
	{Name: "DeleteFault", Method: del, Path: "/_sim/faults/{id}", Statuses: []int{200, 404},
		Example:  api.Example{Path: map[string]string{"id": "two-failures"}},
		Endpoint: bare(deleteFault),
		Doc:      "Removes a fault rule."},
	{Name: "CreateFaultPlan", Method: post, Path: "/_sim/fault-plans", Statuses: []int{201, 400, 404, 409},
		Example:  api.Example{Body: `{"operations":{"lightbits.GetCluster":["500","pass"]}}`},
		Endpoint: handle(createFaultPlan, checkPlan),
		Doc:      "Lays down what happens to the requests that carry the plan's id in X-Sim-Fault-Plan, one after the other."},
	{Name: "GetFaultPlan", Method: get, Path: "/_sim/fault-plans/{id}", Statuses: []int{200, 404},
		Endpoint: answer(getFaultPlan),
		Doc:      "One plan: what is left of it, and whether it is completed."},

	{Name: "ListRequests", Method: get, Path: "/_sim/requests", Statuses: []int{200, 400}, Query: []string{"operation", "status", "world", "since", "limit"},
		Endpoint: answer(listRequests), Produces: harType, Form: reflect.TypeFor[harFile](),
		Doc: "The journal of the vendors' calls, secrets redacted."},
	{Name: "GetRequest", Method: get, Path: "/_sim/requests/{id}", Statuses: []int{200, 404},
		Endpoint: answer(getRequest),
		Doc:      "One exchange of the journal."},
	{Name: "ExplainRequest", Method: get, Path: "/_sim/requests/{id}/explain", Statuses: []int{200, 404},
		Endpoint: answer(explainRequest),
		Doc:      "Why a request was answered as it was, and what would have worked."},
	{Name: "DeleteRequests", Method: del, Path: "/_sim/requests", Statuses: []int{200},
		Endpoint: bare(deleteRequests),
		Doc:      "Empties the journal."},
	{Name: "Verify", Method: post, Path: "/_sim/verify", Statuses: []int{200, 400, 404, 406, 409},
		Example: api.Example{
			Body: `{"match":{"operation":"lightbits.CreateVolume","status":"2xx"},"count":{"max":1},"noUnexpected":true}`,
		},
		Endpoint: handle(verify, checkVerify),
		Doc:      "Whether the world's calls were as they should be; 406 with expected and actual where not."},
	{Name: "StreamEvents", Method: get, Path: "/_sim/events", Statuses: []int{200, 400, 404, 429}, Query: []string{"type"},
		Endpoint: answer(streamEvents), Produces: "text/event-stream", Events: eventData(), Unscripted: true,
		Doc: "What happens in the world, as server-sent events: requests, transitions, faults, clock."},
	{Name: "StartScenario", Method: post, Path: "/_sim/scenarios", Statuses: []int{201, 200, 400, 404, 409, 413, 429}, Query: []string{"name", "dryRun"},
		Example:  api.Example{Body: exampleScenario},
		Endpoint: read[map[string]any](startScenario, nil), Takes: typeYAML, Other: map[int]reflect.Type{http.StatusOK: reflect.TypeFor[checkedScenario]()}, Unscripted: true,
		Doc: "Checks a scenario, YAML or JSON, and starts it in the world; name starts one that comes with the program, dryRun=true only checks."},
	{Name: "ListScenarios", Method: get, Path: "/_sim/scenarios", Statuses: []int{200},
		Endpoint: answer(listScenarios),
		Doc:      "The scenarios of this process with their verdicts, and the names of those that come with the program."},
	{Name: "GetScenario", Method: get, Path: "/_sim/scenarios/{id}", Statuses: []int{200, 400, 404}, Query: []string{"wait"},
		Endpoint: answer(getScenario),
		Doc:      "A scenario's timeline and verdict; wait=10s answers when it has ended, or after that time."},
	{Name: "DeleteScenario", Method: del, Path: "/_sim/scenarios/{id}", Statuses: []int{200, 404},
		Endpoint: bare(deleteScenario),
		Doc:      "Stops a scenario; one that has ended is forgotten."},
}

const exampleScenario = `{"name":"one-volume","header":{"Authorization":"Bearer ${tokens.lightbits}"},"steps":[` +
	`{"id":"create","request":"POST /api/v2/projects/default/volumes",` +
	`"body":{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}}]}`
