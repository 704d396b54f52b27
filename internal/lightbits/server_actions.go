package lightbits

import (
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type serverParams struct {
	Server string `json:"server" doc:"UUID or name"`
}

// serverForAction finds a server by its name or UUID. The error is NotFound and lists the names of all servers.
func (s *Service) serverForAction(tx *store.Tx, ref string) (statemachine.Row[Server], error) {
	var names []string
	for _, row := range s.servers.Table().All(tx, "", "") {
		if ref != "" && (ref == row.Body.UUID || ref == row.Body.Name) {
			return row, nil
		}
		names = append(names, row.Body.Name)
	}
	slices.Sort(names)
	return statemachine.Row[Server]{}, refusal.New(refusal.NotFound, "there is no server %q; there are: %s", ref,
		strings.Join(names, ", ")).
		Because(api.Known{Valid: names})
}

func (s *Service) failServer(tx *store.Tx, p *serverParams) (any, error) {
	return s.fireServer(tx, p.Server, "fail")
}

func (s *Service) recoverServer(tx *store.Tx, p *serverParams) (any, error) {
	return s.fireServer(tx, p.Server, "recover")
}

func (s *Service) fireServer(tx *store.Tx, ref string, on statemachine.Event) (any, error) {
	row, err := s.serverForAction(tx, ref)
	if err != nil {
		return nil, err
	}
	if err := illegal(s.servers.Fire(tx, &row, on)); err != nil {
		return nil, err
	}
	return movedThing{UUID: row.Body.UUID, Name: row.Body.Name, State: row.Life.State}, nil
}
