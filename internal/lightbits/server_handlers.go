package lightbits

import (
	"errors"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type listServersRequest struct {
	UUID              string            `json:"UUID"`
	Name              string            `json:"Name"`
	RiskOfServiceLoss RiskOfServiceLoss `json:"RiskOfServiceLoss"`
}

type listServersResponse struct {
	Servers []*Server `json:"servers"`
}

// listServers returns the servers that match all given filters, in the order of their names (seeds/002 "Retrieve
// servers list"). UnknownRiskOfServiceLoss is the default and filters nothing.
func (s *Service) listServers(tx *store.Tx, _ *api.Request, q *listServersRequest) (listServersResponse, error) {
	var response listServersResponse
	risks := s.serviceRisks(tx)
	for _, row := range s.servers.Table().All(tx, "", "") {
		shown := s.shownServer(tx, &row.Body, risks)
		if q.UUID != "" && q.UUID != shown.UUID || q.Name != "" && q.Name != shown.Name ||
			q.RiskOfServiceLoss != "" && q.RiskOfServiceLoss != RiskUnknown &&
				q.RiskOfServiceLoss != shown.RiskOfServiceLossState {
			continue
		}
		s.serverObserved(tx, &row)
		response.Servers = append(response.Servers, &shown)
	}
	slices.SortFunc(response.Servers, func(a, b *Server) int { return strings.Compare(a.Name, b.Name) })
	return response, nil
}

type getServerRequest struct {
	UUID string `json:"UUID"`
}

// getServer: seeds/002 "Retrieve specific server information".
func (s *Service) getServer(tx *store.Tx, _ *api.Request, q *getServerRequest) (Server, error) {
	row, err := s.servers.Find(tx, q.UUID)
	if errors.Is(err, store.ErrNotFound) {
		return Server{}, refusal.New(refusal.NotFound, "server UUID %q is not found", q.UUID)
	}
	if err != nil {
		return Server{}, err
	}
	s.serverObserved(tx, &row)
	return s.shownServer(tx, &row.Body, s.serviceRisks(tx)), nil
}

// shownServer returns the server with the members that are computed from its nodes and their replicas.
func (s *Service) shownServer(tx *store.Tx, v *Server, risks map[string]RiskOfServiceLoss) Server {
	shown := *v
	shown.RiskOfServiceLossState = RiskNone
	if risk, ok := risks[v.UUID]; ok {
		shown.RiskOfServiceLossState = risk
	}
	shown.Health = s.serverHealth(tx, v)
	if e, err := s.evictions.Get(tx, v.UUID); err == nil && e.Life.State == statemachine.State(EvictionEvicting) {
		last := *v.LastEviction
		last.Progress = s.shownEviction(tx, &e.Body, v)
		shown.LastEviction = &last
	}
	return shown
}

// serverRef identifies a server in a request: by UUID or, if that is empty, by name.
type serverRef struct {
	UUID string `json:"UUID"`
	Name string `json:"name"`
}

// findServer returns the server that a request identifies. The error is NotFound, or InvalidArgument if both members
// are empty.
func (s *Service) findServer(tx *store.Tx, ref serverRef) (statemachine.Row[Server], error) {
	var none statemachine.Row[Server]
	switch {
	case ref.UUID != "":
		row, err := s.servers.Get(tx, ref.UUID)
		if ignoreNotFound(err) != nil {
			return none, err
		}
		if err == nil {
			return row, nil
		}
	case ref.Name != "":
		for _, row := range s.servers.Table().All(tx, "", "") {
			if row.Body.Name == ref.Name {
				return row, nil
			}
		}
		return none, refusal.New(refusal.NotFound, "server %q is not found", ref.Name)
	default:
		return none, refusal.New(refusal.InvalidArgument, "either the UUID or the name of the server must be given")
	}
	return none, refusal.New(refusal.NotFound, "server UUID %q is not found", ref.UUID)
}
