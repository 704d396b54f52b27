package control

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/idp"
	"storagesim/internal/openapi"
	"storagesim/internal/scenario"
	"storagesim/internal/statemachine"
)

// surface is the name of this surface where a vendor's could stand.
const surface = "control"

// getOpenAPI makes the document when it is asked for: that takes milliseconds, and nobody asks often.
func getOpenAPI(c *Control, r *call) (any, error) {
	name := r.param("vendor")
	if name == surface {
		text, err := c.openAPI()
		return plain{contentType: "application/json", text: text}, err
	}
	for i := range c.Vendors {
		if svc := &c.Vendors[i].Service; svc.Vendor == name {
			text, err := openapi.Vendor(svc, c.Version)
			return plain{contentType: "application/json", text: text}, err
		}
	}
	p := &Problem{Status: http.StatusNotFound, Detail: "there is no OpenAPI document of " + name, Valid: []string{surface}}
	for i := range c.Vendors {
		p.Valid = append(p.Valid, c.Vendors[i].Service.Vendor)
	}
	return nil, p
}

// form is what a call takes and answers, each as a value of its type; nil is nothing.
type form struct{ asks, answers any }

// forms are those of all calls by name. A call that is not here answers no JSON: see produced.
func forms() map[string]form {
	empty := api.Empty{}
	return map[string]form{
		"GetHealth":         {answers: health{}},
		"GetReadiness":      {answers: readiness{}},
		"ListOperations":    {answers: operationList{}},
		"ListMachines":      {answers: machineList{}},
		"GetOpenAPI":        {answers: map[string]any{}},
		"CreateWorld":       {newWorld{}, madeWorld{}},
		"ListWorlds":        {answers: worldList{}},
		"GetWorld":          {answers: worldEntry{}},
		"DeleteWorld":       {answers: deletedWorld{}},
		"ResetWorld":        {reset{}, resetAnswer{}},
		"ListCheckpoints":   {answers: checkpointList{}},
		"PutCheckpoint":     {answers: checkpointEntry{}},
		"DeleteCheckpoint":  {answers: checkpointList{}},
		"RestoreCheckpoint": {answers: checkpointEntry{}},
		"GetClock":          {answers: statemachine.ClockReading{}},
		"SetClock":          {statemachine.ClockSetting{}, statemachine.ClockReading{}},
		"AdvanceClock":      {advance{}, advanced{}},
		"ListTimers":        {answers: timerList{}},
		"GetDelays":         {answers: map[string]statemachine.Delay{}},
		"SetDelays":         {map[string]json.RawMessage{}, map[string]statemachine.Delay{}},
		"ListResources":     {answers: resourceList{}},
		"GetResource":       {answers: statemachine.Resource{}},
		"FireEvent":         {firing{}, statemachine.Resource{}},
		"ReleaseTransition": {answers: statemachine.Resource{}},
		"ListActions":       {answers: actionList{}},
		"DoAction":          {map[string]any{}, map[string]any{}},
		"CreateToken":       {tokenBody{}, map[string]string{}},
		"GetIdpDiscovery":   {answers: idp.Document{}},
		"GetIdpKeys":        {answers: idp.KeySet{}},
		"CreateIdpToken":    {tokenForm{}, idpToken{}},
		"CreateFault":       {fault.Rule{}, fault.Listed{}},
		"ReplaceFaults":     {faultSet{}, faultList{}},
		"ListFaults":        {answers: faultList{}},
		"DeleteFaults":      {answers: faultList{}},
		"ListFaultCatalog":  {answers: faultCatalog{}},
		"GetFault":          {answers: fault.Listed{}},
		"PutFault":          {fault.Rule{}, fault.Listed{}},
		"DeleteFault":       {answers: faultList{}},
		"CreateFaultPlan":   {fault.Plan{}, fault.PlanState{}},
		"GetFaultPlan":      {answers: fault.PlanState{}},
		"ListRequests":      {answers: requestList{}},
		"GetRequest":        {answers: api.Exchange{}},
		"ExplainRequest":    {answers: explanation{}},
		"DeleteRequests":    {answers: empty},
		"Verify":            {verification{}, verified{}},
		"GetState":          {answers: map[string]any{}},
		"PutState":          {map[string]any{}, putStateAnswer{}},
		"StartScenario":     {map[string]any{}, scenario.Report{}},
		"ListScenarios":     {answers: scenarioList{}},
		"GetScenario":       {answers: scenario.Report{}},
		"DeleteScenario":    {answers: scenario.Report{}},
	}
}

// names are those of the components whose types are told apart by their package: a client that is made of the document has
// them all in one.
func names() openapi.Names {
	return openapi.Names{
		reflect.TypeFor[fault.Rule]():      "FaultRule",
		reflect.TypeFor[fault.Listed]():    "FaultRuleState",
		reflect.TypeFor[fault.Match]():     "FaultMatch",
		reflect.TypeFor[fault.When]():      "FaultWhen",
		reflect.TypeFor[fault.Effect]():    "FaultEffect",
		reflect.TypeFor[fault.Dribble]():   "FaultDribble",
		reflect.TypeFor[fault.Latency]():   "FaultLatency",
		reflect.TypeFor[fault.Spread]():    "NormalLatency",
		reflect.TypeFor[fault.LogRange]():  "LognormalLatency",
		reflect.TypeFor[fault.PlanState](): "FaultPlanState",
		reflect.TypeFor[fault.Verdict]():   "FaultVerdict",

		reflect.TypeFor[scenario.Report]():  "ScenarioReport",
		reflect.TypeFor[scenario.Entry]():   "ScenarioTimelineEntry",
		reflect.TypeFor[scenario.Outcome](): "ScenarioOutcome",

		reflect.TypeFor[idp.Document](): "OpenIDConfiguration",
		reflect.TypeFor[idp.KeySet]():   "JsonWebKeySet",
		reflect.TypeFor[idp.Key]():      "JsonWebKey",

		reflect.TypeFor[statemachine.Description]():    "MachineDescription",
		reflect.TypeFor[statemachine.TransitionRule](): "MachineTransition",
		reflect.TypeFor[statemachine.GuardRule]():      "MachineGuard",
		reflect.TypeFor[statemachine.Transition]():     "FiredTransition",
		reflect.TypeFor[statemachine.Timer]():          "ResourceTimer",
		reflect.TypeFor[statemachine.Until]():          "AdvanceUntil",

		reflect.TypeFor[api.Exchange](): "JournalEntry",
		reflect.TypeFor[api.About]():    "RefusalFinding",
		reflect.TypeFor[api.Standing](): "ResourceStanding",
		reflect.TypeFor[api.Action]():   "PhysicalAction",
		reflect.TypeFor[api.Param]():    "ActionParameter",

		reflect.TypeFor[requestSeen]():    "RequestEvent",
		reflect.TypeFor[transitionSeen](): "TransitionEvent",
		reflect.TypeFor[faultFired]():     "FaultEvent",
		reflect.TypeFor[clockMoved]():     "ClockEvent",
		reflect.TypeFor[droppedNotice]():  "DroppedEvent",

		reflect.TypeFor[leak]():       "LeakReport",
		reflect.TypeFor[flaw]():       "DocumentFlaw",
		reflect.TypeFor[verdict]():    "VerifyVerdict",
		reflect.TypeFor[verified]():   "VerifyAnswer",
		reflect.TypeFor[countRange](): "VerifyCount",
		reflect.TypeFor[faultEntry](): "FaultCatalogEntry",
		reflect.TypeFor[advanced]():   "ClockAdvance",
	}
}

// produced are the media types of the calls that answer text, or that can.
func produced() map[string]string {
	return map[string]string{"GetMetrics": "text/plain", "ListMachines": "text/plain", "GetState": typeYAML, "StreamEvents": "text/event-stream",
		"ListRequests": harType,
		"GetCA":        "application/x-pem-file"}
}

// eventData are the types of the data of the events that StreamEvents sends, by the types of the events.
func eventData() map[string]reflect.Type {
	return map[string]reflect.Type{
		requestEvent: reflect.TypeFor[requestSeen](), transitionEvent: reflect.TypeFor[transitionSeen](),
		faultEvent: reflect.TypeFor[faultFired](), clockEvent: reflect.TypeFor[clockMoved](), droppedEvent: reflect.TypeFor[droppedNotice](),
	}
}

// tokenForm is the form of CreateIdpToken (see idpTokenForm).
type tokenForm struct {
	GrantType    string `json:"grant_type" required:""`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Username     string `json:"username"`
	Password     string `json:"password"`
	Resource     string `json:"resource"`
	Scope        string `json:"scope"`
	Claims       string `json:"claims"`
	TTL          string `json:"ttl"`
}

// openAPI makes the document of this surface.
func (c *Control) openAPI() ([]byte, error) {
	b := openapi.NewBuilder("storagesim control surface", c.Version, api.Plain, reflect.TypeFor[Problem](), names())
	known, texts := forms(), produced()
	for i := range c.rows {
		row := &c.rows[i]
		one := openapi.Call{
			ID: row.Name, Operation: row.Name, Summary: row.summary(), Tag: row.tag(), Method: row.Method, Path: row.Path,
			Named: row.Query, World: true,
			Asks: typeOf(known[row.Name].asks), Answers: typeOf(known[row.Name].answers),
		}
		if media := texts[row.Name]; media != "" {
			one.Produces = []string{media}
		}
		switch row.Name {
		case "CreateIdpToken":
			one.Consumes = "application/x-www-form-urlencoded"
		case "StreamEvents":
			one.Events = eventData()
		case "ListRequests":
			one.Forms = map[string]reflect.Type{harType: reflect.TypeFor[harFile]()}
		case "PutState":
			one.Takes = []string{typeYAML}
		case "StartScenario": // a dry run begins nothing
			one.Takes = []string{typeYAML}
			one.Other = map[int]reflect.Type{http.StatusOK: reflect.TypeFor[checkedScenario]()}
		}
		if row.Method != http.MethodGet {
			one.Security = [][]api.Credential{{}, {{Name: "adminToken", Type: "http", Scheme: "bearer",
				Doc: "What the program was started with as --admin-token; nothing is wanted where it was started without."}}}
		}
		for _, status := range row.Statuses {
			if status < http.StatusBadRequest {
				one.Success = append(one.Success, status)
			} else {
				one.Refusals = append(one.Refusals, refused(status))
			}
		}
		one.Refusals = append(one.Refusals, openapi.Refusal{Problem: true})
		b.Add(one)
	}
	return b.JSON()
}

func refused(status int) openapi.Refusal {
	text, _ := json.Marshal(Problem{Title: http.StatusText(status), Status: status, Detail: "what was wrong, and with what"})
	return openapi.Refusal{Status: status, ContentType: "application/problem+json", Body: text}
}

func typeOf(v any) reflect.Type {
	if v == nil {
		return nil
	}
	return reflect.TypeOf(v)
}

// summary is the row's own sentence.
func (row *Row) summary() string {
	if row.Doc == "" {
		return row.ID() + " is not there yet: it answers 501."
	}
	return row.Doc
}

// tag is the first word of the path behind the prefix.
func (row *Row) tag() string {
	parts := strings.Split(strings.TrimPrefix(row.Path, Prefix+"/"), "/")
	return strings.Trim(slices.DeleteFunc(parts, func(p string) bool { return p == "" })[0], "/")
}
