package lightbits

import (
	"errors"
	"slices"
	"strconv"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// serverMachine is the life cycle of a server (facts/lightbits.md 4.7). Disabling or losing a server takes its nodes
// down; enabling it brings them back.
func (s *Service) serverMachine() *statemachine.Machine[Server] {
	const (
		creating, enabled, deleting = statemachine.State(ServerCreating), statemachine.State(ServerEnabled),
			statemachine.State(ServerDeleting)
		failed, disabled    = statemachine.State(ServerFailed), statemachine.State(ServerDisabled)
		enabling, disabling = statemachine.State(ServerEnabling), statemachine.State(ServerDisabling)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[Server]{
		Kind: "lightbits.server", Initial: in(creating, enabled), Zero: zero,
		Key: func(v *Server) string { return v.UUID }, Name: func(v *Server) string { return v.Name },
		Mirror: func(v *Server, l statemachine.Life) {
			v.State, v.ETag = ServerState(l.State), strconv.FormatUint(l.Version, 10)
		},
		Rules: []statemachine.Rule[Server]{
			{From: in(creating), On: "created", To: enabled, After: "create", Do: s.serverReady(events.ServerCreated)},
			{From: in(enabled), On: "disable", To: disabling, Do: s.logServer(events.ServerDisabling)},
			{From: in(disabling), On: "disabled", To: disabled, After: "disable",
				Do: s.serverDown(events.ServerDisabled, "disable"),
				Unless: func(tx *store.Tx, r *statemachine.Row[Server]) statemachine.Event {
					if s.evictions.Table().Has(tx, r.Body.UUID) {
						return statemachine.Stay
					}
					return ""
				}},
			{From: in(disabling), On: "stay", To: enabled, Do: s.logServer(events.ServerEnabled)},
			{From: in(disabled), On: "enable", To: enabling, Do: s.serverUp},
			{From: in(enabling), On: "enabled", To: enabled, After: "enable", Do: s.serverReady(events.ServerEnabled)},
			{From: in(creating, enabled, disabling, enabling, disabled), On: "fail", To: failed,
				Do: s.serverDown(events.ServerFailed, "fail")},
			{From: in(failed), On: "recover", To: enabling, Do: s.serverUp},
			{From: in(disabled, failed), On: "delete", To: deleting, Do: s.logServer(events.ServerDeleting)},
			{From: in(deleting), On: "deleted", To: statemachine.Gone, After: "delete", Do: s.serverGone,
				Unless: func(tx *store.Tx, r *statemachine.Row[Server]) statemachine.Event {
					if s.holdsAnything(tx, &r.Body) {
						return statemachine.Stay
					}
					return ""
				}},
		},
		Guards: []statemachine.Guard{
			busyGuard("DisableServer", opDisableServer, opEvictServer),
			{Operation: "DisableServer", In: in(disabled, failed), Kind: refusal.InvalidArgument,
				Message: "server {name} is {state}; only an Enabled server can be disabled"},
			busyGuard("EnableServer", opEnableServer),
			{Operation: "EnableServer", In: in(failed), Kind: refusal.Aborted,
				Message: "server {name} is {state}; it must be repaired before it can be enabled"},
			busyGuard("DeleteServer", opDeleteServer),
			{Operation: "DeleteServer", In: in(enabled), Kind: refusal.InvalidArgument,
				Message: "server {name} is {state}; it must be disabled before it can be deleted"},
			busyGuard("UpgradeServer", opUpgradeServer),
			{Operation: "UpgradeServer", In: in(disabled, failed), Kind: refusal.InvalidArgument,
				Message: "server {name} is {state}; only an Enabled server can be upgraded"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"create": {Fast: "500ms", Realistic: "2m"}, "disable": {Fast: "300ms", Realistic: "10s"},
			"enable": {Fast: "500ms", Realistic: "20s"}, "delete": {Fast: "300ms", Realistic: "1m"},
		},
	})
}

const msgServerBusy = "there is a user operation in progress on server {name}: it is {state}"

type serverEffect = func(tx *store.Tx, r *statemachine.Row[Server]) error

func (s *Service) logServer(kind events.Name) serverEffect {
	return func(tx *store.Tx, r *statemachine.Row[Server]) error {
		return s.logEvent(tx, kind, events.AboutServer(r.Body.UUID, r.Body.Name))
	}
}

// serverDown returns the effect of losing or disabling a server: it logs kind and takes the nodes down with the event.
func (s *Service) serverDown(kind events.Name, on statemachine.Event) serverEffect {
	return func(tx *store.Tx, r *statemachine.Row[Server]) error {
		if err := s.logServer(kind)(tx, r); err != nil {
			return err
		}
		if err := s.cutEviction(tx, &r.Body); err != nil {
			return err
		}
		if err := s.cutUpgrade(tx, &r.Body); err != nil {
			return err
		}
		if err := s.eachNode(tx, &r.Body, on, statemachine.State(NodeActive), nodeRebuilding,
			statemachine.State(NodeActivating)); err != nil {
			return err
		}
		if err := s.eachNode(tx, &r.Body, "fail", statemachine.State(NodeAttaching),
			statemachine.State(NodeDetaching)); err != nil || on != "fail" {
			return err
		}
		return s.nodesUnreachable(tx, &r.Body)
	}
}

// serverUp brings the nodes of the server back.
func (s *Service) serverUp(tx *store.Tx, r *statemachine.Row[Server]) error {
	if err := s.logServer(events.ServerEnabling)(tx, r); err != nil {
		return err
	}
	if err := s.setLeaving(tx, &r.Body, false); err != nil {
		return err
	}
	if err := s.forgetTimeout(tx, &r.Body); err != nil {
		return err
	}
	return s.eachNode(tx, &r.Body, "recover", statemachine.State(NodeInactive))
}

// forgetTimeout resets the permanentFailureTimeout that the server was disabled with (assumption 272). The caller
// stores v.
func (s *Service) forgetTimeout(tx *store.Tx, v *Server) error {
	v.ServerPermanenetFailureTimeout = 0
	return s.setOptions(tx, v.UUID, func(p *serverOptions) { p.Never = false })
}

// eachNode fires an event at those of the server's nodes that are in one of the states.
func (s *Service) eachNode(tx *store.Tx, v *Server, on statemachine.Event, in ...statemachine.State) error {
	for _, id := range v.NodesUUIDs {
		row, err := s.nodes.Get(tx, id)
		if err != nil {
			return err
		}
		if !slices.Contains(in, row.Life.State) {
			continue
		}
		if err := s.nodes.Fire(tx, &row, on); err != nil {
			return err
		}
	}
	return nil
}

// serverGone deletes the nodes and devices of the server.
func (s *Service) serverGone(tx *store.Tx, r *statemachine.Row[Server]) error {
	v := &r.Body
	if err := s.clusterChanged(tx); err != nil {
		return err
	}
	for _, id := range v.NodesUUIDs {
		row, err := s.nodes.Get(tx, id)
		if err != nil {
			return err
		}
		if err := s.cutReplacement(tx, id); err != nil {
			return err
		}
		if err := s.nodes.Remove(tx, &row); err != nil {
			return err
		}
		if _, err := dropLost(tx, id); err != nil {
			return err
		}
		if err := usageTable.Delete(tx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	for _, key := range slices.Collect(s.nvmeDevices.Table().KeysBy(tx, devicesByServer, v.UUID)) {
		row, err := s.nvmeDevices.Get(tx, key)
		if err != nil {
			return err
		}
		if err := s.removeDevice(tx, &row); err != nil {
			return err
		}
	}
	if err := ignoreNotFound(serverOptionsTable.Delete(tx, v.UUID)); err != nil {
		return err
	}
	if err := ignoreNotFound(clockDrifts.Delete(tx, v.UUID)); err != nil {
		return err
	}
	return s.logServer(events.ServerDeleted)(tx, r)
}

// serverReady attaches the nodes of a server that extends the cluster, also if the server was repaired or enabled
// before they had joined (assumption 362). The nodes of other new servers stay Unattached and can replace others.
func (s *Service) serverReady(kind events.Name) serverEffect {
	return func(tx *store.Tx, r *statemachine.Row[Server]) error {
		if err := s.logServer(kind)(tx, r); err != nil {
			return err
		}
		if p, err := s.options(tx, r.Body.UUID); err != nil || !p.Extend {
			return err
		}
		return s.eachNode(tx, &r.Body, "attach", statemachine.State(NodeUnattached))
	}
}
