package lightbits

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

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

type listServersAnswer struct {
	Servers []*Server `json:"servers"`
}

// listServers answers, by name, the servers that all given filters let through (seeds/002 "Retrieve servers list").
// UnknownRiskOfServiceLoss is no filter, being the default.
func (s *Service) listServers(tx *store.Tx, _ *api.Request, q *listServersRequest) (listServersAnswer, error) {
	var answer listServersAnswer
	risks := s.serviceRisks(tx)
	for _, row := range s.servers.Table().All(tx, "", "") {
		shown := s.shownServer(tx, &row.Body, risks)
		if q.UUID != "" && q.UUID != shown.UUID || q.Name != "" && q.Name != shown.Name ||
			q.RiskOfServiceLoss != "" && q.RiskOfServiceLoss != RiskUnknown && q.RiskOfServiceLoss != shown.RiskOfServiceLossState {
			continue
		}
		s.servers.Observed(tx, &row)
		answer.Servers = append(answer.Servers, &shown)
	}
	slices.SortFunc(answer.Servers, func(a, b *Server) int { return strings.Compare(a.Name, b.Name) })
	return answer, nil
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
	s.servers.Observed(tx, &row)
	return s.shownServer(tx, &row.Body, s.serviceRisks(tx)), nil
}

// shownServer is a server with what follows from its nodes and from what lies on them.
func (s *Service) shownServer(tx *store.Tx, v *Server, risks map[string]RiskOfServiceLoss) Server {
	shown := *v
	shown.RiskOfServiceLossState = RiskNone
	if risk, ok := risks[v.UUID]; ok {
		shown.RiskOfServiceLossState = risk
	}
	shown.Health = s.serverHealth(tx, v)
	return shown
}

// serverRef is how a request names a server: by UUID or, where that is empty, by name.
type serverRef struct {
	UUID string `json:"UUID"`
	Name string `json:"name"`
}

// findServer answers the server that a request names. NotFound, or InvalidArgument when the request names none or the
// UUID is none.
func (s *Service) findServer(tx *store.Tx, ref serverRef) (statemachine.Row[Server], error) {
	var none statemachine.Row[Server]
	switch {
	case ref.UUID != "":
		if _, err := uuid.Parse(ref.UUID); err != nil {
			return none, refusal.New(refusal.InvalidArgument, "server UUID %q is not a UUID", ref.UUID)
		}
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

// serverBusy refuses an operation on a server that another one is at work on, which its state does not tell.
func (s *Service) serverBusy(tx *store.Tx, v *Server) error {
	busy := func(what string) error {
		return refusal.New(refusal.Aborted, "there is a user operation in progress on server %s: %s", v.Name, what).
			Because(Busy{Server: v.UUID, Operation: what})
	}
	switch {
	case s.upgrades.Table().Has(tx, v.UUID):
		return busy("it is being upgraded")
	case s.evictions.Table().Has(tx, v.UUID):
		return busy("its data is being evicted")
	}
	for _, r := range s.replacements.Table().All(tx, "", "") {
		if slices.Contains(v.NodesUUIDs, r.Body.Source) || slices.Contains(v.NodesUUIDs, r.Body.Target) {
			return busy("one of its nodes is being replaced")
		}
	}
	return nil
}
