package lightbits

import (
	"fmt"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// federationOperations returns the operations of a cluster federation, which runs in front of clusters and has the same
// API. On a plain cluster they are unavailable, as their pages say, and the server responds as gRPC does to an
// unimplemented method (facts/lightbits.md 4.24). The federation's rows are in the world's own partition, so every
// cluster returns the same.
func (s *Service) federationOperations() []api.Operation {
	rows := []api.Operation{
		{Name: "GetCFServiceCredentials", Method: http.MethodGet, Path: "/api/v2/cf-service-credentials",
			Statuses: []int{200, 401}, Needs: can("cfServiceCredentials", "get"),
			Endpoint: api.Handle(s.getCFServiceCredentials)},
		{Name: "ListClusters", Method: http.MethodGet, Path: "/api/v2/clusters",
			Statuses: []int{200, 401}, Needs: can("cfClusters", "list"), Endpoint: api.Handle(s.listClusters)},
		{Name: "AttachCluster", Method: http.MethodPost, Path: "/api/v2/clusters",
			Statuses: []int{200, 400, 401, 500}, Needs: can("cfClusters", "create"),
			Endpoint: api.Handle(s.attachCluster)},
		{Name: "DetachCluster", Method: http.MethodDelete, Path: "/api/v2/clusters/{cid}",
			Statuses: []int{200, 400, 401, 500}, Needs: can("cfClusters", "delete"),
			Endpoint: api.Handle(s.detachCluster)},
		{Name: "ListWorkflows", Method: http.MethodGet, Path: "/api/v2/workflows",
			Statuses: []int{200, 400, 401, 500}, Needs: can("workflows", "list"),
			Endpoint: api.Handle(s.listWorkflows)},
		{Name: "GetWorkflow", Method: http.MethodGet, Path: "/api/v2/workflows/{workflowId}",
			Statuses: []int{200, 400, 401, 500}, Needs: can("workflows", "get"), Endpoint: api.Handle(s.getWorkflow)},
		{Name: "CFLogin", Method: http.MethodPost, Path: "/cflogin", Also: []string{"/api/v2/cflogin"},
			Statuses: []int{200, 401, 500}, Endpoint: api.HandleLater(s.cfLogin)},
	}
	for i := range rows {
		rows[i].Enabled, rows[i].Unavailable = s.hasFederation, "method "+rows[i].Name+" not implemented"
	}
	return rows
}

func (s *Service) hasFederation(world api.WorldSettings) bool {
	if world.Federation != nil {
		return *world.Federation
	}
	return s.federation
}

// FederatedCluster is a cluster of the federation (facts/lightbits.md 4.24). All members except the connection status
// are stored by the federation.
type FederatedCluster struct {
	ID                 string                     `json:"id"`
	Name               string                     `json:"name"`
	Version            string                     `json:"version"`
	SubsystemNQN       string                     `json:"subsystemNqn"`
	APIEndpoints       []string                   `json:"apiEndpoints"`
	DiscoveryEndpoints []string                   `json:"discoveryEndpoints"`
	Status             *FederatedConnectionStatus `json:"clusterConnectionStatus"`
	ProvisionedRatio   string                     `json:"provisionedToEffectiveStorageRatio"` // a decimal number
}

// FederatedConnectionStatus is the status of the connection to a cluster: Connected, Disconnected or Unauthorized. It
// is a string here, since the federation writes Connected too, which is the enum's zero value.
type FederatedConnectionStatus struct {
	Access string `json:"accessConnectionStatus"`
}

// federated is the stored row of a cluster of the federation.
type federated struct {
	Partition string           `json:"partition"`
	Cluster   FederatedCluster `json:"cluster"`
}

var federatedClusters = store.NewTable("lightbits.federated", func(f *federated) string { return f.Cluster.ID },
	store.JSON[federated]())

// maxFederated is the maximum number of clusters in a federation (facts/dms-lucidlink-lucidity.md 3.3).
const maxFederated = 2

// federationAccess returns the status of the connection to the transaction's cluster, and an error unless it is
// Connected.
func (s *Service) federationAccess(tx *store.Tx, own cfServiceCredentials) (string, error) {
	apis, _ := s.Reachable(tx)
	switch {
	case !apis:
		return "Disconnected", refusal.New(refusal.Unavailable, "the management API of the cluster does not answer")
	case !s.Trusts(tx, own.PubKeyID, own.PubKey):
		return "Unauthorized", refusal.New(refusal.Unauthenticated,
			"project %q has no credential %q with the key of this service", systemProject, own.PubKeyID)
	}
	return "Connected", nil
}

// federate stores the current facts of a cluster.
func (s *Service) federate(tx *store.Tx, partition string) error {
	in := tx.In(partition)
	facts, err := s.Facts(in)
	if err != nil {
		return err
	}
	st := s.clusterStatistics(in, s.usages(in))
	return federatedClusters.Put(tx.In(""), &federated{Partition: partition, Cluster: FederatedCluster{
		ID: facts.UUID, Name: facts.Name, Version: facts.Version, SubsystemNQN: facts.SubsystemNQN,
		APIEndpoints: facts.APIEndpoints, DiscoveryEndpoints: facts.DiscoveryEndpoints,
		ProvisionedRatio: fmt.Sprintf("%.4f", float64(st.LogicalStorage)/float64(max(st.EffectivePhysicalStorage, 1))),
	}})
}
