package dms

import (
	"errors"
	"fmt"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// clusterOperations returns the operations on attached clusters. An unknown one is 404 without being documented
// (assumption 135).
func (s *Service) clusterOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListClusters", Method: http.MethodGet, Path: "/api/v1/clusters", Statuses: []int{200, 401},
			Needs: token, Endpoint: api.Handle(s.listClusters)},
		{Name: "AttachCluster", Method: http.MethodPost, Path: "/api/v1/clusters", Statuses: []int{200, 400, 401, 500},
			Needs: token, Endpoint: api.Handle(s.attachCluster)},
		{Name: "RefreshClusters", Method: http.MethodPost, Path: "/api/v1/clusters/refresh",
			Statuses: []int{200, 401, 500}, Needs: token, Endpoint: api.Handle(s.refreshClusters)},
		{Name: "DetachCluster", Method: http.MethodDelete, Path: "/api/v1/clusters/{cid}",
			Statuses: []int{200, 400, 401, 500}, FromState: []int{404}, Needs: token,
			Endpoint: api.Handle(s.detachCluster)},
	}
}

// Cluster is an attached cluster as the API shows it. All but its connection status dates from the last attach or
// refresh.
type Cluster struct {
	ID                 string            `json:"id"`
	Name               string            `json:"name"`
	Version            string            `json:"version"`
	SubsystemNQN       string            `json:"subsystemNqn"`
	APIEndpoints       []string          `json:"apiEndpoints"`
	DiscoveryEndpoints []string          `json:"discoveryEndpoints"`
	Status             *ConnectionStatus `json:"clusterConnectionStatus"`
}

// ConnectionStatus is the state of the connections to a cluster's management API and to its NVMe endpoints.
type ConnectionStatus struct {
	Access Connection `json:"accessConnectionStatus"`
	Data   Connection `json:"dataConnectionStatus"`
}

// Connection is the state of one connection.
type Connection string

// The states of a connection.
const (
	Connected    Connection = "Connected"
	Disconnected Connection = "Disconnected"
	Unauthorized Connection = "Unauthorized"
)

// attachedCluster is the row of an attached cluster.
type attachedCluster struct {
	Partition string  `json:"partition"`
	Cluster   Cluster `json:"cluster"`
}

var clusterTable = store.NewTable("dms.cluster", func(c *attachedCluster) string { return c.Cluster.ID },
	store.JSON[attachedCluster]())

// in returns the transaction in the cluster's partition.
func (c *attachedCluster) in(tx *store.Tx) *store.Tx { return tx.In(c.Partition) }

func deleteCluster(tx *store.Tx, id string) error {
	if err := clusterTable.Delete(tx, id); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// status returns the present state of both connections (facts/dms-lucidlink-lucidity.md 3.4). The data connection needs
// no credential, but while in-band authentication is enabled, the service's host must be a trusted one (assumption
// 137).
func (s *Service) status(tx *store.Tx, c *attachedCluster, own serviceCredentials) *ConnectionStatus {
	st := &ConnectionStatus{Access: Connected, Data: Connected}
	apis, data := s.clusters.Reachable(c.in(tx))
	switch {
	case !apis:
		st.Access = Disconnected
	case !s.clusters.Trusts(c.in(tx), own.PubKeyID, own.PubKey):
		st.Access = Unauthorized
	}
	switch {
	case !data:
		st.Data = Disconnected
	case !s.clusters.HostTrustedAnywhere(c.in(tx), copyHost(s.settings(tx))):
		st.Data = Unauthorized
	}
	return st
}

// access refuses if the service cannot use the cluster's management API.
func (s *Service) access(tx *store.Tx, c *attachedCluster) error {
	own, err := s.credentials(tx)
	if err != nil {
		return err
	}
	switch s.status(tx, c, own).Access {
	case Disconnected:
		return unreachable(c.Cluster.APIEndpoints)
	case Unauthorized:
		return unauthorized(own)
	default:
		return nil
	}
}

// data refuses if the service cannot connect to the cluster's volumes.
func (s *Service) data(tx *store.Tx, c *attachedCluster) error {
	if _, data := s.clusters.Reachable(c.in(tx)); data {
		return nil
	}
	return unreachable(c.Cluster.DiscoveryEndpoints)
}

func unreachable(endpoints []string) error {
	at := "no endpoint"
	if len(endpoints) > 0 {
		at = endpoints[0]
	}
	return refusal.New(refusal.Unavailable,
		"connection error: desc = \"transport: Error while dialing: dial tcp %s: i/o timeout\"", at)
}

func unauthorized(own serviceCredentials) error {
	return refusal.New(refusal.Unauthenticated,
		"the token's kid %q is unknown: project \"system\" has no credential %q with the key of this service",
		"system:"+own.PubKeyID, own.PubKeyID)
}

type listClustersResponse struct {
	Clusters []*Cluster `json:"clusters"`
}

// listClusters implements seeds/003 "List Lightbits clusters". The clusters are in the order of their IDs.
func (s *Service) listClusters(tx *store.Tx, _ *api.Request, _ *api.Empty) (listClustersResponse, error) {
	var answer listClustersResponse
	own, err := s.credentials(tx)
	if err != nil {
		return answer, err
	}
	for _, row := range clusterTable.All(tx, "", "") {
		row.Cluster.Status = s.status(tx, &row, own)
		answer.Clusters = append(answer.Clusters, &row.Cluster)
	}
	return answer, nil
}

type attachClusterRequest struct {
	APIEndpoint string `json:"apiEndpoint,snake" required:"{path}: \"\" must be of the form <host>:<port>, e.g.: 10.0.0.1:443, foo.bar.com:443"`
}

type workflowIDResponse struct {
	WorkflowID string `json:"workflowId"`
}

// attachCluster implements seeds/003 "Attach Lightbits cluster". It returns the ID of the workflow that attaches it.
// The endpoint is one of the cluster, or the address at which the client reaches it (assumption 143).
func (s *Service) attachCluster(tx *store.Tx, r *api.Request, q *attachClusterRequest) (workflowIDResponse, error) {
	if !api.IsHostPort(q.APIEndpoint) {
		return workflowIDResponse{}, refusal.New(refusal.InvalidArgument,
			"apiEndpoint: %q must be of the form <host>:<port>, e.g.: 10.0.0.1:443, foo.bar.com:443", q.APIEndpoint)
	}
	if partition := r.ClusterAt(tx, q.APIEndpoint); partition != "" {
		if err := s.clusters.NoteAddress(tx, q.APIEndpoint, partition); err != nil {
			return workflowIDResponse{}, err
		}
	}
	id, err := s.newWorkflow(tx, Workflow{Type: TypeAttachCluster, AttachClusterRequest: q}, run{})
	return workflowIDResponse{WorkflowID: id}, err
}

// refreshClusters implements seeds/003 "Refresh Lightbits clusters information".
func (s *Service) refreshClusters(tx *store.Tx, _ *api.Request, _ *api.Empty) (workflowIDResponse, error) {
	id, err := s.newWorkflow(tx, Workflow{Type: TypeRefreshClusters}, run{})
	return workflowIDResponse{WorkflowID: id}, err
}

type detachClusterRequest struct {
	ClusterID string `json:"cid"`
}

// detachCluster implements seeds/003 "Detach Lightbits cluster". It takes effect at once; the credential stays in the
// cluster. It refuses with FailedPrecondition while a clone uses the cluster (assumption 125).
func (s *Service) detachCluster(tx *store.Tx, _ *api.Request, q *detachClusterRequest) (api.Empty, error) {
	var none api.Empty
	if err := checkUUID("cid", &q.ClusterID); err != nil {
		return none, err
	}
	if !clusterTable.Has(tx, q.ClusterID) {
		return none, refusal.New(refusal.NotFound, "cluster %s is not attached", q.ClusterID)
	}
	for _, raw := range s.workflows.Table().All(tx, "", "") {
		w := &raw.Body
		if !ended(raw.Life.State) && w.uses(q.ClusterID) {
			return none, refusal.New(refusal.FailedPrecondition, "cluster %s is used by workflow %s, a %s that is %s",
				q.ClusterID, w.ID, w.Type, w.State).Because(s.workflows.Stands("DetachCluster", &raw))
		}
	}
	return none, clusterTable.Delete(tx, q.ClusterID)
}

// uses reports whether the workflow copies from or to the cluster.
func (w *Workflow) uses(clusterID string) bool {
	switch {
	case w.ThickCloneVolumeRequest != nil:
		q := w.ThickCloneVolumeRequest
		return q.Src.ClusterID == clusterID || q.Dst.ClusterID == clusterID
	case w.SnapshotCloneRequest != nil:
		q := w.SnapshotCloneRequest
		return q.Src.ClusterID == clusterID || q.Dst.ClusterID == clusterID
	}
	return false
}

// attached returns an attached cluster. It refuses any other ID with InvalidArgument and names the member.
func attached(tx *store.Tx, member, id string) (attachedCluster, error) {
	c, err := clusterTable.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return c, refusal.New(refusal.InvalidArgument, "%s: cluster %s is not attached to this service", member, id)
	}
	if err != nil {
		return c, fmt.Errorf("dms: attached cluster: %w", err)
	}
	return c, nil
}
