package api

import (
	"fmt"
	"strings"

	"storagesim/internal/refusal"
)

// NoWorld is the cause of a refusal of a request to a world that does not exist, or that was replaced while the request
// waited.
type NoWorld struct {
	World    string `json:"world"`
	Replaced bool   `json:"replaced,omitempty"` // it was reset, restored, replaced or created again meanwhile
}

// CauseKind returns refusal.World.
func (NoWorld) CauseKind() refusal.CauseKind { return refusal.World }

// WouldWork returns what explain recommends.
func (n NoWorld) WouldWork() string {
	if n.Replaced {
		return "the same request, sent again"
	}
	return fmt.Sprintf("the same request after POST /_sim/worlds {%q:%q}, or in a world that GET /_sim/worlds lists",
		"name", n.World)
}

// NoCluster is the cause of a refusal of a request to a cluster that does not exist in its world. There lists those
// that do.
type NoCluster struct {
	Cluster string   `json:"cluster"`
	There   []string `json:"there"`
}

// CauseKind returns refusal.Cluster.
func (NoCluster) CauseKind() refusal.CauseKind { return refusal.Cluster }

// WouldWork returns what explain recommends.
func (n NoCluster) WouldWork() string { return "one of the clusters " + strings.Join(n.There, ", ") }

// TooLarge is the cause of a refusal of a request body that is larger than its operation accepts.
type TooLarge struct {
	Limit int64 `json:"limit"` // bytes
}

// CauseKind returns refusal.Limit.
func (TooLarge) CauseKind() refusal.CauseKind { return refusal.Limit }

// WouldWork returns what explain recommends.
func (t TooLarge) WouldWork() string { return fmt.Sprintf("a body of at most %d bytes", t.Limit) }
