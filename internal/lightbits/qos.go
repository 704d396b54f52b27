package lightbits

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListPolicies", Method: http.MethodGet, Path: "/api/v2/policies",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "list"), Endpoint: api.Handle(s.listPolicies)},
		{Name: "CreatePolicy", Method: http.MethodPost, Path: "/api/v2/policies",
			Statuses: []int{200, 400, 404, 409, 500}, Needs: can("policys", "create"), Endpoint: api.Handle(s.createPolicy)},
		{Name: "GetPolicy", Method: http.MethodGet, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "get"), Endpoint: api.Handle(s.getPolicy)},
		{Name: "DeletePolicy", Method: http.MethodDelete, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "delete"), Endpoint: api.Handle(s.deletePolicy)},
		{Name: "UpdatePolicy", Method: http.MethodPut, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "update"), Endpoint: api.Handle(s.updatePolicy)},
	}
}

// Policy is a QoS policy as the API answers it. Its member QoSRateLimitPolicy begins with a capital letter, that of
// requests does not (facts/lightbits.md 4.4).
type Policy struct {
	UUID               string              `json:"UUID"`
	Name               string              `json:"name"`
	Description        string              `json:"description"`
	State              PolicyState         `json:"state"`
	QoSRateLimitPolicy *QoSRateLimitPolicy `json:"QoSRateLimitPolicy,group=info"`
}

// QoSRateLimitPolicy says who may use a policy and what it limits; without a limit it limits nothing.
type QoSRateLimitPolicy struct {
	ProjectsNamesScope []string           `json:"projectsNamesScope"`
	PolicyVisibility   PolicyVisibility   `json:"policyVisibility"`
	LimitIOPS          *QoSLimitIOPS      `json:"limitIOPS,group=QoSLimit"`
	LimitBw            *QoSLimitBW        `json:"limitBw,group=QoSLimit"`
	LimitIOPSPerGB     *QoSLimitIOPSPerGB `json:"limitIOPSPerGB,group=QoSLimit"`
}

// QoSLimitIOPS is in operations a second, multiples of 256; 0 is unlimited.
type QoSLimitIOPS struct {
	WriteIOPSLimit uint32 `json:"writeIOPSLimit"`
	ReadIOPSLimit  uint32 `json:"readIOPSLimit"`
}

// QoSLimitBW is in MB/s; 0 is unlimited.
type QoSLimitBW struct {
	WriteBWLimit uint32 `json:"writeBWLimit"`
	ReadBWLimit  uint32 `json:"readBWLimit"`
}

// QoSLimitIOPSPerGB is in operations a second for each GB of a volume's size; 0 is unlimited.
type QoSLimitIOPSPerGB struct {
	WriteIOPSPerGBLimit uint32 `json:"writeIOPSPerGBLimit"`
	ReadIOPSPerGBLimit  uint32 `json:"readIOPSPerGBLimit"`
}

// PolicyState is where a policy is in its life.
type PolicyState string

// The states.
const (
	PolicyUnknown    PolicyState = "Unknown"
	PolicyCreating   PolicyState = "Creating"
	PolicyActive     PolicyState = "Active"
	PolicyUpdating   PolicyState = "Updating"
	PolicyDeprecated PolicyState = "Deprecated"
	PolicyFailed     PolicyState = "Failed"
)

// EnumNumbers implements wire.Enum.
func (PolicyState) EnumNumbers() map[string]int32 {
	return map[string]int32{"Unknown": 0, "Creating": 1, "Active": 2, "Updating": 3, "Deprecated": 4, "Failed": 5}
}

// PolicyVisibility says which projects may use a policy.
type PolicyVisibility string

// The visibilities: no project, those in projectsNamesScope, all.
const (
	VisibilityUnavailable PolicyVisibility = "Unavailable"
	VisibilityScoped      PolicyVisibility = "Scoped"
	VisibilityGlobal      PolicyVisibility = "Global"
)

// EnumNumbers implements wire.Enum.
func (PolicyVisibility) EnumNumbers() map[string]int32 {
	return map[string]int32{"Unavailable": 0, "Scoped": 1, "Global": 2}
}

// unlimitedPolicy is the name of the policy that every cluster has (facts/lightbits.md 4.4).
const unlimitedPolicy = "no-limit-policy"

const policiesByName = "name"

func (s *Service) policyMachine() *statemachine.Machine[Policy] {
	const (
		creating, active, updating = statemachine.State(PolicyCreating), statemachine.State(PolicyActive), statemachine.State(PolicyUpdating)
		deprecated, failed         = statemachine.State(PolicyDeprecated), statemachine.State(PolicyFailed)
	)
	return statemachine.Define(statemachine.Machine[Policy]{
		Kind: "lightbits.policy", Initial: []statemachine.State{creating, active}, Zero: zero,
		Key: func(p *Policy) string { return p.UUID }, Name: func(p *Policy) string { return p.Name },
		Mirror: func(p *Policy, l statemachine.Life) { p.State = PolicyState(l.State) },
		Rules: []statemachine.Rule[Policy]{
			{From: []statemachine.State{creating}, On: "ready", To: active, After: "create"},
			{From: []statemachine.State{active}, On: "update", To: updating},
			{From: []statemachine.State{updating}, On: "updated", To: active, After: "update"},
			{From: []statemachine.State{creating, updating}, On: "fail", To: failed},
			{From: []statemachine.State{active}, On: "deprecate", To: deprecated},
			{From: []statemachine.State{active, deprecated, failed}, On: "delete", To: statemachine.Gone},
		},
		Guards: []statemachine.Guard{
			{Operation: "DeletePolicy", In: []statemachine.State{creating, updating}, Kind: refusal.InvalidArgument,
				Message: "policy {name} is {state} and cannot be deleted before it is Active"},
			{Operation: "UpdatePolicy", In: []statemachine.State{creating, updating, deprecated, failed}, Kind: refusal.InvalidArgument,
				Message: "policy {name} is {state}; only an Active policy can be updated"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "100ms", Realistic: "2s"},
			"update": {Fast: "100ms", Realistic: "2s"},
		},
		Indexes: []store.Index[statemachine.Row[Policy]]{
			{Name: policiesByName, Unique: true, Keys: func(r *statemachine.Row[Policy]) []string { return []string{r.Body.Name} }},
		},
	})
}

// seedPolicy makes a policy that is Active; without a UUID it gets one.
func (s *Service) seedPolicy(tx *store.Tx, p Policy) error {
	if p.UUID == "" {
		p.UUID = tx.NewUUID().String()
	}
	_, err := s.policies.Create(tx, p, statemachine.State(PolicyActive))
	return err
}

// policyByName answers a policy, or store.ErrNotFound.
func (s *Service) policyByName(tx *store.Tx, name string) (statemachine.Row[Policy], error) {
	for _, row := range s.policies.Table().By(tx, policiesByName, name) {
		return row, nil
	}
	return statemachine.Row[Policy]{}, store.ErrNotFound
}

// findPolicy answers the policy of that UUID, or, where that is "", of that name. It refuses with NotFound, and with
// InvalidArgument where both are "".
func (s *Service) findPolicy(tx *store.Tx, uuid, name string) (statemachine.Row[Policy], error) {
	var row statemachine.Row[Policy]
	var err error
	switch {
	case uuid != "":
		row, err = s.policies.Get(tx, uuid)
	case name != "":
		row, err = s.policyByName(tx, name)
	default:
		return row, refusal.New(refusal.InvalidArgument, "the policy is missing: its UUID or its name must be given")
	}
	if errors.Is(err, store.ErrNotFound) {
		return row, noPolicy(uuid, name)
	}
	return row, err
}

func noPolicy(uuid, name string) error {
	if uuid != "" {
		return refusal.New(refusal.NotFound, "policy with UUID %q does not exist", uuid)
	}
	return refusal.New(refusal.NotFound, "policy with name %q does not exist", name)
}

// opensTo says whether a project may use the policy.
func (p *Policy) opensTo(project string) bool {
	q := p.QoSRateLimitPolicy
	return q != nil && (q.PolicyVisibility == VisibilityGlobal ||
		q.PolicyVisibility == VisibilityScoped && slices.Contains(q.ProjectsNamesScope, project))
}

// shownTo answers the policy as the caller may see it, or false. Callers with roles in projects do not see what none of
// these may use, nor the visibility and scope of what they see (facts/lightbits.md 4.4, assumption 28).
func (p Policy) shownTo(caller *Principal) (*Policy, bool) {
	if caller.System() {
		return &p, true
	}
	if !slices.ContainsFunc(caller.grants, func(g grant) bool { return p.opensTo(g.project) }) {
		return nil, false
	}
	limits := *p.QoSRateLimitPolicy
	limits.PolicyVisibility, limits.ProjectsNamesScope = VisibilityUnavailable, nil
	p.QoSRateLimitPolicy = &limits
	return &p, true
}

// usable refuses a policy whose state forbids that something begins to use it.
func usable(p *Policy) error {
	if p.State == PolicyActive || p.State == PolicyUpdating {
		return nil
	}
	return refusal.New(refusal.InvalidArgument, "policy %q is %s; only an Active policy can be used", p.Name, p.State)
}

// effectivePolicy answers the policy that a volume of the project gets: the one of that UUID or name, which the project
// must be allowed to use whoever asks (assumption 29), else the project's default one, else the cluster's, else the
// unlimited one; a default that is Deprecated or Failed is passed over (assumption 237). It refuses with
// InvalidArgument, since the page of CreateVolume has no 404.
func (s *Service) effectivePolicy(tx *store.Tx, project, uuid, name string) (Policy, error) {
	if uuid != "" || name != "" {
		row, err := s.findPolicy(tx, uuid, name)
		if refusal.Is(err, refusal.NotFound) || err == nil && !row.Body.opensTo(project) {
			return Policy{}, refusal.New(refusal.InvalidArgument, "project %q has no QoS policy %q that it may use", project, uuid+name)
		}
		if err == nil {
			err = usable(&row.Body)
		}
		return row.Body, err
	}
	p, err := s.project(tx, project)
	if err != nil {
		return Policy{}, err
	}
	if uuid = defaultQoS(&p); uuid != "" {
		row, err := s.policies.Get(tx, uuid)
		if err != nil || usable(&row.Body) == nil {
			return row.Body, err
		}
	}
	return s.clusterDefaultQoS(tx)
}

// clusterDefaultQoS answers the policy that DefaultQoSName names, or the unlimited one where that cannot be used any more.
func (s *Service) clusterDefaultQoS(tx *store.Tx) (Policy, error) {
	for _, name := range []string{s.configText(tx, configDefaultQoS), unlimitedPolicy} {
		for key := range s.policies.Table().KeysBy(tx, policiesByName, name) {
			row, err := s.policies.Table().Shared(tx, key)
			if err != nil {
				return Policy{}, err
			}
			if name == unlimitedPolicy || usable(&row.Body) == nil {
				return row.Body, nil
			}
		}
	}
	return Policy{}, store.ErrNotFound
}

// policyInUse names what uses a policy: the cluster or a project that has it as its default, or a volume; "" where
// nothing does.
func (s *Service) policyInUse(tx *store.Tx, uuid string) string {
	if row, err := s.policyByName(tx, s.configText(tx, configDefaultQoS)); err == nil && row.Body.UUID == uuid {
		return "the cluster configuration parameter " + configDefaultQoS
	}
	for name, row := range projects.All(tx, "", "") {
		if defaultQoS(&row.Project) == uuid {
			return "project " + name
		}
	}
	member := []byte(`"qosPolicyUUID":"` + uuid + `"`)
	for _, raw := range s.volumes.Table().Scan(tx, "", "") {
		if bytes.Contains(statemachine.Peek(raw).Body, member) {
			return "a volume"
		}
	}
	return ""
}

// unscope takes a project that is going away out of the scopes of all policies, so that a later one of the same name
// does not inherit them.
func (s *Service) unscope(tx *store.Tx, project string) error {
	for _, row := range s.policies.Table().All(tx, "", "") {
		q := row.Body.QoSRateLimitPolicy
		if q == nil || !slices.Contains(q.ProjectsNamesScope, project) {
			continue
		}
		q.ProjectsNamesScope = slices.DeleteFunc(q.ProjectsNamesScope, func(name string) bool { return name == project })
		if err := s.policies.Save(tx, &row); err != nil {
			return err
		}
	}
	return nil
}
