package control

import (
	"net/http"
	"reflect"

	"storagesim/internal/api"
	"storagesim/internal/strict"
)

// Row is one call of the control surface.
type Row struct {
	Name     string // "CreateWorld"; control.CreateWorld in listings
	Method   string
	Path     string // chi's form
	Statuses []int  // what it answers, success first
	Query    []string
	Doc      string

	handle func(c *Control, r *call) (any, error)
}

// ID is how the call is named in listings and logs.
func (row *Row) ID() string { return "control." + row.Name }

// Implemented says whether the call does what it is for; until then it answers 501.
func (row *Row) Implemented() bool { return row.handle != nil }

// Operations lists the calls.
func Operations() []Row { return operations }

// with makes a handler of a function that wants a body, which is decoded strictly and has all that it needs.
func with[B any](fn func(c *Control, r *call, body *B) (any, error)) func(*Control, *call) (any, error) {
	needs := strict.NeedsOf(reflect.TypeFor[B]())
	return func(c *Control, r *call) (any, error) {
		text, err := r.body()
		if err != nil {
			return nil, err
		}
		body := new(B)
		if err := strict.Decode(text, body); err != nil {
			return nil, err
		}
		if lack := needs.Missing(body); lack != nil {
			return nil, lack
		}
		return fn(c, r, body)
	}
}

// bare makes a handler of a function that wants none.
func bare(fn func(c *Control, r *call) (any, error)) func(*Control, *call) (any, error) {
	return with(func(c *Control, r *call, _ *api.Empty) (any, error) { return fn(c, r) })
}

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)

var operations = []Row{
	{Name: "GetHealth", Method: get, Path: "/_sim/health", Statuses: []int{200}, handle: getHealth,
		Doc: "Answers as long as the program serves."},
	{Name: "GetReadiness", Method: get, Path: "/_sim/ready", Statuses: []int{200, 503}, handle: getReadiness,
		Doc: "Says whether the program is ready, or what is pending."},
	{Name: "ListOperations", Method: get, Path: "/_sim/operations", Statuses: []int{200, 400}, Query: []string{"vendor"}, handle: listOperations,
		Doc: "The vendors' operations; vendor=control lists the calls of this surface."},
	{Name: "ListMachines", Method: get, Path: "/_sim/machines", Statuses: []int{200, 400}, Query: []string{"format", "kind"}, handle: listMachines,
		Doc: "The lifecycles as data; format=mermaid draws them."},
	{Name: "GetOpenAPI", Method: get, Path: "/_sim/openapi/{vendor}.json", Statuses: []int{200, 404}, handle: getOpenAPI,
		Doc: "OpenAPI 3.1 of a vendor, or of control."},
	{Name: "GetMetrics", Method: get, Path: MetricsPath, Statuses: []int{200}, handle: getMetrics,
		Doc: "Counters and sizes of the program as Prometheus reads them."},
	{Name: "GetCA", Method: get, Path: "/_sim/ca.pem", Statuses: []int{200, 404}, handle: getCA,
		Doc: "The certificate authority of the TLS listener."},

	{Name: "CreateWorld", Method: post, Path: "/_sim/worlds", Statuses: []int{201, 400, 404, 409, 429}, handle: with(createWorld),
		Doc: "Makes a world on a fixture or a checkpoint."},
	{Name: "ListWorlds", Method: get, Path: "/_sim/worlds", Statuses: []int{200}, handle: listWorlds,
		Doc: "All worlds by name."},
	{Name: "GetWorld", Method: get, Path: "/_sim/worlds/{name}", Statuses: []int{200, 404}, handle: getWorld,
		Doc: "One world."},
	{Name: "DeleteWorld", Method: del, Path: "/_sim/worlds/{name}", Statuses: []int{200, 404, 409}, handle: bare(deleteWorld),
		Doc: "Removes a world and tells what was left in it."},
	{Name: "ResetWorld", Method: post, Path: "/_sim/reset", Statuses: []int{200, 400, 404}, handle: with(resetWorld),
		Doc: "Takes the world back to where it started, to a checkpoint or to a fixture."},
	{Name: "ListCheckpoints", Method: get, Path: "/_sim/checkpoints", Statuses: []int{200, 404}, handle: listCheckpoints,
		Doc: "The world's checkpoints by name."},
	{Name: "PutCheckpoint", Method: put, Path: "/_sim/checkpoints/{name}", Statuses: []int{200, 400, 404}, handle: bare(putCheckpoint),
		Doc: "Keeps the world's present under a name."},
	{Name: "DeleteCheckpoint", Method: del, Path: "/_sim/checkpoints/{name}", Statuses: []int{200, 404}, handle: bare(deleteCheckpoint),
		Doc: "Forgets a checkpoint."},
	{Name: "RestoreCheckpoint", Method: post, Path: "/_sim/checkpoints/{name}/restore", Statuses: []int{200, 404}, handle: bare(restoreCheckpoint),
		Doc: "Takes the world back to a checkpoint, any number of times."},
	{Name: "GetState", Method: get, Path: "/_sim/state", Statuses: []int{200, 404, 406}, handle: getState,
		Doc: "The whole world as a fixture file, JSON or, by Accept, YAML. Keys and secrets are in it."},
	{Name: "PutState", Method: put, Path: "/_sim/state", Statuses: []int{200, 400, 404, 413}, handle: putState,
		Doc: "Replaces the world by what a fixture file says, which is then where it starts; checkpoints stay."},

	{Name: "GetClock", Method: get, Path: "/_sim/clock", Statuses: []int{200, 404}, handle: getClock,
		Doc: "How the world's clock stands."},
	{Name: "SetClock", Method: put, Path: "/_sim/clock", Statuses: []int{200, 400, 404}, handle: with(setClock),
		Doc: "Changes mode, rate or instant of the world's clock."},
	{Name: "AdvanceClock", Method: post, Path: "/_sim/clock/advance", Statuses: []int{200, 400, 404, 409}, handle: with(advanceClock),
		Doc: "Moves the world's clock and tells what fired on the way."},
	{Name: "ListTimers", Method: get, Path: "/_sim/timers", Statuses: []int{200, 404}, handle: listTimers,
		Doc: "What is pending in the world, in due order."},
	{Name: "GetDelays", Method: get, Path: "/_sim/delays", Statuses: []int{200, 404}, handle: getDelays,
		Doc: "The named delays in force in the world."},
	{Name: "SetDelays", Method: put, Path: "/_sim/delays", Statuses: []int{200, 400, 404}, handle: with(setDelays),
		Doc: "Merges named delays; null goes back to the default."},

	{Name: "ListResources", Method: get, Path: "/_sim/resources", Statuses: []int{200, 400, 404}, Query: []string{"kind", "cluster", "state", "limit"}, handle: listResources,
		Doc: "The things in the world with their states and the events they would take."},
	{Name: "GetResource", Method: get, Path: "/_sim/resources/{kind}/{id}", Statuses: []int{200, 404}, Query: []string{"cluster"}, handle: getResource,
		Doc: "One thing, by id or by a name that only one has."},
	{Name: "FireEvent", Method: post, Path: "/_sim/resources/{kind}/{id}/events", Statuses: []int{200, 400, 404, 409}, Query: []string{"cluster"}, handle: with(fireEvent),
		Doc: "Fires an event of the thing's machine."},
	{Name: "ReleaseTransition", Method: post, Path: "/_sim/resources/{kind}/{id}/release", Statuses: []int{200, 404, 409}, Query: []string{"cluster"}, handle: bare(releaseTransition),
		Doc: "Fires the thing's pending or held transition now."},
	{Name: "ListActions", Method: get, Path: "/_sim/actions", Statuses: []int{200}, handle: listActions,
		Doc: "The physical actions there are, with their parameters."},
	{Name: "DoAction", Method: post, Path: "/_sim/actions/{vendor}/{action}", Statuses: []int{200, 400, 404, 409}, handle: doAction,
		Doc: "Does what a person or nature would do."},
	{Name: "CreateToken", Method: post, Path: "/_sim/tokens", Statuses: []int{200, 400, 404}, handle: with(createToken),
		Doc: "Mints a token of a vendor for the world."},

	{Name: "GetIdpDiscovery", Method: get, Path: "/_sim/idp/{world}/.well-known/openid-configuration", Statuses: []int{200, 404, 503}, handle: getIdpDiscovery,
		Doc: "The discovery document of the world's own identity provider."},
	{Name: "GetIdpKeys", Method: get, Path: "/_sim/idp/{world}/jwks", Statuses: []int{200, 404, 503}, handle: getIdpKeys,
		Doc: "The keys with which the world's own identity provider signs."},
	{Name: "CreateIdpToken", Method: post, Path: "/_sim/idp/{world}/token", Statuses: []int{200, 400, 404, 503}, handle: createIdpToken,
		Doc: "The token endpoint of the world's own identity provider: a form, as OAuth 2.0 has it."},

	{Name: "CreateFault", Method: post, Path: "/_sim/faults", Statuses: []int{201, 400, 404, 409}, handle: with(createFault),
		Doc: "Arms a fault rule in the world."},
	{Name: "ReplaceFaults", Method: put, Path: "/_sim/faults", Statuses: []int{200, 400, 404}, handle: with(replaceFaults),
		Doc: "Puts a whole set of fault rules in place of what there is, counters at zero."},
	{Name: "ListFaults", Method: get, Path: "/_sim/faults", Statuses: []int{200, 404}, handle: listFaults,
		Doc: "The world's fault rules in the order in which they are looked at, spent ones among them."},
	{Name: "DeleteFaults", Method: del, Path: "/_sim/faults", Statuses: []int{200, 404}, handle: bare(deleteFaults),
		Doc: "Removes all fault rules of the world."},
	{Name: "ListFaultCatalog", Method: get, Path: "/_sim/faults/catalog", Statuses: []int{200, 400}, Query: []string{"operation"}, handle: listFaultCatalog,
		Doc: "Every documented refusal of every operation, with the body that it would have."},
	{Name: "GetFault", Method: get, Path: "/_sim/faults/{id}", Statuses: []int{200, 404}, handle: getFault,
		Doc: "One fault rule and what has become of it."},
	{Name: "PutFault", Method: put, Path: "/_sim/faults/{id}", Statuses: []int{200, 400, 404}, handle: with(putFault),
		Doc: "Writes a fault rule under an id, counters at zero."},
	{Name: "DeleteFault", Method: del, Path: "/_sim/faults/{id}", Statuses: []int{200, 404}, handle: bare(deleteFault),
		Doc: "Removes a fault rule."},
	{Name: "CreateFaultPlan", Method: post, Path: "/_sim/fault-plans", Statuses: []int{201, 400, 404, 409}, handle: with(createFaultPlan),
		Doc: "Lays down what happens to the requests that carry the plan's id in X-Sim-Fault-Plan, one after the other."},
	{Name: "GetFaultPlan", Method: get, Path: "/_sim/fault-plans/{id}", Statuses: []int{200, 404}, handle: getFaultPlan,
		Doc: "One plan: what is left of it, and whether it is completed."},

	{Name: "ListRequests", Method: get, Path: "/_sim/requests", Statuses: []int{200, 400}, Query: []string{"operation", "status", "world", "since", "limit"}, handle: listRequests,
		Doc: "The journal of the vendors' calls, secrets redacted."},
	{Name: "GetRequest", Method: get, Path: "/_sim/requests/{id}", Statuses: []int{200, 404}, handle: getRequest,
		Doc: "One exchange of the journal."},
	{Name: "ExplainRequest", Method: get, Path: "/_sim/requests/{id}/explain", Statuses: []int{200, 404}, handle: explainRequest,
		Doc: "Why a request was answered as it was, and what would have worked."},
	{Name: "DeleteRequests", Method: del, Path: "/_sim/requests", Statuses: []int{200}, handle: bare(deleteRequests),
		Doc: "Empties the journal."},
	{Name: "Verify", Method: post, Path: "/_sim/verify", Statuses: []int{200, 400, 404, 406, 409}, handle: with(verify),
		Doc: "Whether the world's calls were as they should be; 406 with expected and actual where not."},
	{Name: "StreamEvents", Method: get, Path: "/_sim/events", Statuses: []int{200, 400, 404, 429}, Query: []string{"type"}, handle: streamEvents,
		Doc: "What happens in the world, as server-sent events: requests, transitions, faults, clock."},
	{Name: "StartScenario", Method: post, Path: "/_sim/scenarios", Statuses: []int{201, 200, 400, 404, 409, 413, 429}, Query: []string{"name", "dryRun"}, handle: startScenario,
		Doc: "Checks a scenario, YAML or JSON, and starts it in the world; name starts one that comes with the program, dryRun=true only checks."},
	{Name: "ListScenarios", Method: get, Path: "/_sim/scenarios", Statuses: []int{200}, handle: listScenarios,
		Doc: "The scenarios of this process with their verdicts, and the names of those that come with the program."},
	{Name: "GetScenario", Method: get, Path: "/_sim/scenarios/{id}", Statuses: []int{200, 400, 404}, Query: []string{"wait"}, handle: getScenario,
		Doc: "A scenario's timeline and verdict; wait=10s answers when it has ended, or after that time."},
	{Name: "DeleteScenario", Method: del, Path: "/_sim/scenarios/{id}", Statuses: []int{200, 404}, handle: bare(deleteScenario),
		Doc: "Stops a scenario; one that has ended is forgotten."},
}
