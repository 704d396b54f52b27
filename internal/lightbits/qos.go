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
			Statuses: []int{200, 400, 404, 409, 500}, Needs: can("policys",
				"create"), Endpoint: api.Handle(s.createPolicy)},
		{Name: "GetPolicy", Method: http.MethodGet, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "get"), Endpoint: api.Handle(s.getPolicy)},
		{Name: "DeletePolicy", Method: http.MethodDelete, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "delete"), Endpoint: api.Handle(s.deletePolicy)},
		{Name: "UpdatePolicy", Method: http.MethodPut, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "update"), Endpoint: api.Handle(s.updatePolicy)},
	}
}

// Policy is a QoS policy as the API returns it. Its member QoSRateLimitPolicy has a capital first letter; in requests
// it has a small one (facts/lightbits.md 4.4).
type Policy struct {
	UUID               string              `json:"UUID"`
	Name               string              `json:"name"`
	Description        string              `json:"description"`
	State              PolicyState         `json:"state"`
	QoSRateLimitPolicy *QoSRateLimitPolicy `json:"QoSRateLimitPolicy,group=info"`
}

// unlimitedPolicy is the built-in policy of every cluster (facts/lightbits.md 4.4). Every project may use it. It has no
// rate limit member and so no visibility, as in the mock of the vendor's seeding tool, which tries to delete each
// policy that is Global (findings/clients.md C8, assumption 416).
const (
	unlimitedPolicy      = "no-limit-policy"
	unlimitedDescription = "Initial global default policy"
)

const policiesByName = "name"

// seedPolicy creates an Active policy, with a new UUID unless it has one.
func (s *Service) seedPolicy(tx *store.Tx, p Policy) error {
	if p.UUID == "" {
		p.UUID = tx.NewUUID().String()
	}
	_, err := s.policies.Create(tx, p, statemachine.State(PolicyActive))
	return err
}

// policyByName returns the policy of that name, or store.ErrNotFound.
func (s *Service) policyByName(tx *store.Tx, name string) (statemachine.Row[Policy], error) {
	for _, row := range s.policies.Table().By(tx, policiesByName, name) {
		return row, nil
	}
	return statemachine.Row[Policy]{}, store.ErrNotFound
}

// findPolicy returns the policy of that UUID or, if that is empty, of that name. It returns NotFound, or
// InvalidArgument if both are empty.
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

// policyInUse names a user of the policy: the cluster or a project whose default it is, or a volume. It returns "" if
// the policy is not in use.
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
	for key, raw := range s.volumes.Table().Scan(tx, "", "") {
		if row := statemachine.Peek(raw); bytes.Contains(row.Body, member) {
			s.volumeObserved(tx, key, row) // it may be about to go
			return "a volume"
		}
	}
	return ""
}
