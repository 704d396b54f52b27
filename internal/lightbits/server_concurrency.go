package lightbits

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// longOperation is an operation on servers that continues after its response.
type longOperation string

// The long operations. An eviction is DisableServer with evictData. RotateClusterRootKey is not one of them: it touches
// no server.
const (
	opCreateServer   longOperation = "CreateServer"
	opEnableServer   longOperation = "EnableServer"
	opDisableServer  longOperation = "DisableServer"
	opEvictServer    longOperation = "DisableServer (evictData)"
	opDeleteServer   longOperation = "DeleteServer"
	opReplaceNode    longOperation = "ReplaceNode"
	opUpgradeServer  longOperation = "UpgradeServer"
	opUpgradeCluster longOperation = "UpgradeCluster"
)

// verdict is what happens to an operation while another one runs.
type verdict string

const (
	starts      verdict = "starts"
	refused     verdict = "409" // there is a user operation in progress
	refusedNode verdict = "409 for the same node, else starts"
	exists      verdict = "409: the server exists"
	twice       verdict = "400" // UpgradeCluster documents no 409
	waits       verdict = "starts, and waits for it to end"
	skips       verdict = "starts, and leaves the server out"
	aborts      verdict = "aborts it"
)

// together is what happens to a second operation on the same server, and on another one.
type together struct{ same, other verdict }

// The cells that several rows of concurrent share.
//
//nolint:gochecknoglobals // cells of a table that nothing changes
var (
	busyServer    = together{refused, starts}
	busyAnywhere  = together{refused, refused}
	leftOut       = together{skips, starts}
	alwaysStarts  = together{starts, starts}
	existsAlready = together{exists, starts}
)

// concurrent decides whether a second operation may start while a first one runs: concurrent[running][second].
// "There is a user operation in progress on the server" refuses a second operation on the same server. Cluster upgrades
// upgrade "servers in the cluster one by one", so that no server upgrade starts beside another upgrade (assumption
// 410). The nodes of a server that is being deleted in the background may be replaced: the deletion waits until its
// "resources will have been detached". The guards of the machine of servers are made from this table.
var concurrent = map[longOperation]map[longOperation]together{
	opCreateServer: {
		opCreateServer: existsAlready, opEnableServer: busyServer, opDisableServer: busyServer,
		opEvictServer: busyServer, opDeleteServer: busyServer, opReplaceNode: busyServer, opUpgradeServer: busyServer,
		opUpgradeCluster: leftOut,
	},
	opEnableServer: {
		opCreateServer: existsAlready, opEnableServer: busyServer, opDisableServer: busyServer,
		opEvictServer: busyServer, opDeleteServer: busyServer, opReplaceNode: busyServer, opUpgradeServer: busyServer,
		opUpgradeCluster: leftOut,
	},
	opDisableServer: {
		opCreateServer: existsAlready, opEnableServer: busyServer, opDisableServer: busyServer,
		opEvictServer: busyServer, opDeleteServer: busyServer, opReplaceNode: busyServer, opUpgradeServer: busyServer,
		opUpgradeCluster: leftOut,
	},
	opEvictServer: {
		opCreateServer: existsAlready, opEnableServer: {aborts, starts}, opDisableServer: busyServer,
		opEvictServer: busyAnywhere, opDeleteServer: busyServer, opReplaceNode: busyServer,
		opUpgradeServer: busyServer, opUpgradeCluster: leftOut,
	},
	opDeleteServer: {
		opCreateServer: existsAlready, opEnableServer: busyServer, opDisableServer: busyServer,
		opEvictServer: busyServer, opDeleteServer: busyServer, opReplaceNode: alwaysStarts,
		opUpgradeServer: busyServer, opUpgradeCluster: leftOut,
	},
	opReplaceNode: {
		opCreateServer: existsAlready, opEnableServer: busyServer, opDisableServer: busyServer,
		opEvictServer: busyServer, opDeleteServer: busyServer, opReplaceNode: {refusedNode, starts},
		opUpgradeServer: busyServer, opUpgradeCluster: leftOut,
	},
	opUpgradeServer: {
		opCreateServer: existsAlready, opEnableServer: busyServer, opDisableServer: busyServer,
		opEvictServer: busyServer, opDeleteServer: busyServer, opReplaceNode: busyServer,
		opUpgradeServer: busyAnywhere, opUpgradeCluster: {waits, waits},
	},
	// Its servers are the one that is being upgraded and those that are still to be.
	opUpgradeCluster: {
		opCreateServer: existsAlready, opEnableServer: alwaysStarts, opDisableServer: busyServer,
		opEvictServer: busyServer, opDeleteServer: alwaysStarts, opReplaceNode: busyServer,
		opUpgradeServer: busyAnywhere, opUpgradeCluster: {twice, twice},
	},
}

// operationsOfState lists the operations that a server's transient state can mean.
var operationsOfState = map[ServerState][]longOperation{
	ServerCreating: {opCreateServer}, ServerDeleting: {opDeleteServer}, ServerEnabling: {opEnableServer},
	ServerDisabling: {opDisableServer, opEvictServer},
}

// busyGuard returns the guard that refuses an operation in those transient states in which concurrent refuses it on the
// same server, whatever the state means.
func busyGuard(operation string, seconds ...longOperation) statemachine.Guard {
	g := statemachine.Guard{Operation: operation, Kind: refusal.Aborted, Message: msgServerBusy}
	for _, state := range []ServerState{ServerCreating, ServerDeleting, ServerEnabling, ServerDisabling} {
		always := true
		for _, running := range operationsOfState[state] {
			for _, second := range seconds {
				always = always && concurrent[running][second].same == refused
			}
		}
		if always {
			g.In = append(g.In, statemachine.State(state))
		}
	}
	return g
}

// runningOperation is a long operation in progress.
type runningOperation struct {
	is      longOperation
	servers []string // their UUIDs
	// what happens to what, for messages: "server server00" "is being upgraded"
	subject, doing string
}

func (r *runningOperation) what() string { return r.subject + " " + r.doing }

// runningOperations lists the long operations in progress.
func (s *Service) runningOperations(tx *store.Tx) []runningOperation {
	var list []runningOperation
	add := func(is longOperation, subject, doing string, servers ...string) {
		list = append(list, runningOperation{is: is, servers: servers, subject: subject, doing: doing})
	}
	for id, row := range s.servers.Table().All(tx, "", "") {
		name := "server " + row.Body.Name
		switch state := row.Body.State; {
		case s.evictions.Table().Has(tx, id):
			add(opEvictServer, name, "is being evicted", id)
		case len(operationsOfState[state]) > 0:
			add(operationsOfState[state][0], name, "is "+string(state), id)
		case s.joins(tx, &row.Body):
			add(opCreateServer, name, "is joining the cluster", id)
		}
		if s.upgrades.Table().Has(tx, id) {
			add(opUpgradeServer, name, "is being upgraded", id)
		}
	}
	for _, r := range s.replacements.Table().All(tx, "", "") {
		source, err := s.nodes.Get(tx, r.Body.Source)
		if err != nil {
			continue
		}
		servers := []string{source.Body.ServerUUID}
		if target, err := s.nodes.Get(tx, r.Body.Target); err == nil {
			servers = append(servers, target.Body.ServerUUID)
		}
		add(opReplaceNode, "node "+source.Body.Name, "is being replaced", servers...)
	}
	if u, err := s.clusterUpgrades.Get(tx, clusterKey); err == nil && u.Body.Last.Status == ClusterUpgradeUpgrading {
		servers := slices.Clone(u.Body.Queue)
		if u.Body.Current != "" {
			servers = append(servers, u.Body.Current)
		}
		add(opUpgradeCluster, "the cluster", "is being upgraded", servers...)
	}
	return list
}

// joins reports whether nodes of a server that extends the cluster are being attached.
func (s *Service) joins(tx *store.Tx, v *Server) bool {
	for _, id := range v.NodesUUIDs {
		n, err := s.nodes.Get(tx, id)
		if err == nil && n.Body.State == NodeAttaching && s.replacing(tx, id) == nil {
			return true
		}
	}
	return false
}

// whileRunning returns what happens to an operation on some servers because of the operations in progress, and the one
// that decides it. The strongest verdict wins: a refusal, then waits, then the others.
func (s *Service) whileRunning(tx *store.Tx, second longOperation, servers ...string) (verdict, runningOperation) {
	decided, by := starts, runningOperation{}
	order := []verdict{starts, aborts, skips, waits, twice, refused}
	for _, r := range s.runningOperations(tx) {
		rule := concurrent[r.is][second]
		v := rule.other
		if slices.ContainsFunc(servers, func(id string) bool { return slices.Contains(r.servers, id) }) {
			v = rule.same
		}
		if slices.Index(order, v) > slices.Index(order, decided) {
			decided, by = v, r
		}
	}
	return decided, by
}

// mayStart refuses an operation on some servers with Aborted if an operation in progress excludes it.
func (s *Service) mayStart(tx *store.Tx, second longOperation, servers ...string) error {
	v, by := s.whileRunning(tx, second, servers...)
	if v != refused {
		return nil
	}
	same := slices.IndexFunc(by.servers, func(id string) bool { return slices.Contains(servers, id) })
	row, err := s.servers.Get(tx, by.servers[max(same, 0)])
	if err != nil {
		return err
	}
	s.serverObserved(tx, &row) // a client that repeats its request waits for it
	operation, _, _ := strings.Cut(string(second), " ")
	text := "there is a user operation in progress: " + by.what()
	var cause refusal.Cause = Busy{Server: row.Body.UUID, Operation: by.what()}
	name := "server " + row.Body.Name
	switch {
	case same >= 0 && len(operationsOfState[row.Body.State]) > 0:
		text = fmt.Sprintf("there is a user operation in progress on %s: it is %s", name, row.Body.State)
		cause = s.servers.Stands(operation, &row)
	case same >= 0 && by.subject == name:
		text = fmt.Sprintf("there is a user operation in progress on %s: it %s", name, by.doing)
	case same >= 0:
		text = fmt.Sprintf("there is a user operation in progress on %s: %s", name, by.what())
	case second == opEvictServer:
		text += ", and only one eviction can run at a time"
	default:
		text += ", and servers are upgraded one by one"
	}
	return refusal.New(refusal.Aborted, "%s", text).Because(cause)
}

// goingDown lists the nodes that will stop serving soon: those of servers that are being disabled or are about to
// reboot, and those that are being replaced.
func (s *Service) goingDown(tx *store.Tx) []string {
	var nodes []string
	for id, row := range s.servers.Table().All(tx, "", "") {
		u, err := s.upgrades.Get(tx, id)
		reboots := err == nil && u.Life.State != statemachine.State(UpgradeRecovering)
		disables := row.Body.State == ServerDisabling && !s.evictions.Table().Has(tx, id)
		if reboots || disables {
			nodes = append(nodes, row.Body.NodesUUIDs...)
		}
	}
	for _, r := range s.replacements.Table().All(tx, "", "") {
		nodes = append(nodes, r.Body.Source)
	}
	return nodes
}
