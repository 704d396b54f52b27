package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
)

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListPolicies", Method: http.MethodGet, Path: "/api/v2/policies",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "list")},
		{Name: "CreatePolicy", Method: http.MethodPost, Path: "/api/v2/policies",
			Statuses: []int{200, 400, 404, 409, 500}, Needs: can("policys", "create")},
		{Name: "GetPolicy", Method: http.MethodGet, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "get")},
		{Name: "DeletePolicy", Method: http.MethodDelete, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "delete")},
		{Name: "UpdatePolicy", Method: http.MethodPut, Path: "/api/v2/policies/{UUID}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("policys", "update")},
	}
}

// Policy is a QoS policy as the API answers it.
type Policy struct {
	UUID string `json:"UUID"`
}

func (s *Service) policyMachine() *statemachine.Machine[Policy] {
	return statemachine.Define(statemachine.Machine[Policy]{Kind: "lightbits.policy", Key: func(n *Policy) string { return n.UUID }})
}
