package control

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/idp"
	"storagesim/internal/openapi"
	"storagesim/internal/scenario"
	"storagesim/internal/statemachine"
)

// surface is the name of the control surface in places that take a vendor's name.
const surface = "control"

// getOpenAPI makes the document for each request. That takes milliseconds, and such requests are rare.
func getOpenAPI(c *Control, r *call) (reply[map[string]any], error) {
	name := r.param("vendor")
	if name == surface {
		text, err := c.openAPI()
		return reply[map[string]any]{value: plain{contentType: typeJSON, text: text}}, err
	}
	for i := range c.Vendors {
		if svc := &c.Vendors[i].Service; svc.Vendor == name {
			text, err := openapi.Vendor(svc, c.Version)
			return reply[map[string]any]{value: plain{contentType: typeJSON, text: text}}, err
		}
	}
	p := &Problem{Status: http.StatusNotFound, Detail: "no OpenAPI document of " + strconv.Quote(name),
		Valid: []string{surface}}
	for i := range c.Vendors {
		p.Valid = append(p.Valid, c.Vendors[i].Service.Vendor)
	}
	return reply[map[string]any]{}, p
}

// names are the component names of types whose own names are unique only within their package. A client generated from
// the document has all types in one package.
func names() openapi.Names {
	return openapi.Names{
		reflect.TypeFor[fault.Rule]():       "FaultRule",
		reflect.TypeFor[fault.Listed]():     "FaultRuleState",
		reflect.TypeFor[fault.Match]():      "FaultMatch",
		reflect.TypeFor[fault.When]():       "FaultWhen",
		reflect.TypeFor[fault.Effect]():     "FaultEffect",
		reflect.TypeFor[fault.Dribble]():    "FaultDribble",
		reflect.TypeFor[fault.RetryAfter](): "FaultRetryAfter",
		reflect.TypeFor[fault.Quota]():      "FaultQuota",
		reflect.TypeFor[fault.Latency]():    "FaultLatency",
		reflect.TypeFor[fault.Spread]():     "NormalLatency",
		reflect.TypeFor[fault.LogRange]():   "LognormalLatency",
		reflect.TypeFor[fault.PlanState]():  "FaultPlanState",
		reflect.TypeFor[fault.Verdict]():    "FaultVerdict",

		reflect.TypeFor[scenario.Step]():        "ScenarioStep",
		reflect.TypeFor[scenario.When]():        "ScenarioWhen",
		reflect.TypeFor[scenario.World]():       "ScenarioWorld",
		reflect.TypeFor[scenario.Clock]():       "ScenarioClock",
		reflect.TypeFor[scenario.Resource]():    "ScenarioResource",
		reflect.TypeFor[scenario.Response]():    "ScenarioExpectedResponse",
		reflect.TypeFor[scenario.Expectation](): "ScenarioExpectation",

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

// eventData maps the event types of StreamEvents to the Go types of their data.
func eventData() map[string]reflect.Type {
	return map[string]reflect.Type{
		requestEvent: reflect.TypeFor[requestSeen](), transitionEvent: reflect.TypeFor[transitionSeen](),
		faultEvent: reflect.TypeFor[faultFired](), clockEvent: reflect.TypeFor[clockMoved](),
		droppedEvent: reflect.TypeFor[droppedNotice](),
	}
}

// tokenForm is the body of CreateIdpToken (see idpTokenForm).
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

// openAPI makes the OpenAPI document of the control surface.
func (c *Control) openAPI() ([]byte, error) {
	b := openapi.NewBuilder("storagesim control surface", c.Version, api.Plain, reflect.TypeFor[Problem](), names())
	for i := range c.rows {
		row := &c.rows[i]
		one := openapi.Call{
			ID: row.Name, Operation: row.Name, Summary: row.Doc, Tag: row.tag(), Method: row.Method, Path: row.Path,
			Named: row.Query, World: true, Asks: row.Endpoint.body, Answers: row.Endpoint.response,
			Consumes: row.Consumes, Other: row.Other, Events: row.Events, Example: row.Example,
		}
		if row.Produces != "" {
			one.Produces = []string{row.Produces}
		}
		if row.Form != nil {
			one.Forms = map[string]reflect.Type{row.Produces: row.Form}
		}
		if row.Takes != "" {
			one.Takes = []string{row.Takes}
		}
		if !row.Open {
			one.Security = [][]api.Credential{{}, {{Name: "adminToken", Type: "http", Scheme: "bearer",
				Doc: "The value of --admin-token; not needed if the program was started without it."}}}
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
	text, _ := json.Marshal(Problem{Title: http.StatusText(status), Status: status,
		Detail: "by: \"soon\" is not a duration, such as \"90s\""})
	return openapi.Refusal{Status: status, ContentType: "application/problem+json", Body: text}
}

// tag returns the first path segment after the prefix.
func (row *Row) tag() string {
	parts := strings.Split(strings.TrimPrefix(row.Path, Prefix+"/"), "/")
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	if row.Path == Prefix {
		return "index"
	}
	return parts[0]
}
