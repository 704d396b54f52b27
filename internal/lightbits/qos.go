package lightbits

import (
	"bytes"
	"errors"
	"net/http"

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

// unlimitedPolicy is the name of the policy that every cluster has (facts/lightbits.md 4.4).
const unlimitedPolicy = "no-limit-policy"

const policiesByName = "name"

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
