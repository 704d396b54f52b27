package lightbits

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
)

// federationOperations are those of a cluster federation, which stands in front of clusters and speaks the same API. On a
// plain cluster each page says that it is unavailable, and the server answers as gRPC does for what it does not
// implement (facts/lightbits.md 4.24). Where the federation answers, its rows lie in the world's own partition, so that
// it is the same whichever cluster is asked.
func (s *Service) federationOperations() []api.Operation {
	rows := []api.Operation{
		{Name: "GetCFServiceCredentials", Method: http.MethodGet, Path: "/api/v2/cf-service-credentials",
			Statuses: []int{200, 401}, Needs: can("cfServiceCredentials", "get"), Endpoint: api.Handle(s.getCFServiceCredentials)},
		{Name: "ListClusters", Method: http.MethodGet, Path: "/api/v2/clusters",
			Statuses: []int{200, 401}, Needs: can("cfClusters", "list"), Endpoint: api.Handle(s.listClusters)},
		{Name: "AttachCluster", Method: http.MethodPost, Path: "/api/v2/clusters",
			Statuses: []int{200, 400, 401, 500}, Needs: can("cfClusters", "create"), Endpoint: api.Handle(s.attachCluster)},
		{Name: "DetachCluster", Method: http.MethodDelete, Path: "/api/v2/clusters/{cid}",
			Statuses: []int{200, 400, 401, 500}, Needs: can("cfClusters", "delete"), Endpoint: api.Handle(s.detachCluster)},
		{Name: "ListWorkflows", Method: http.MethodGet, Path: "/api/v2/workflows",
			Statuses: []int{200, 400, 401, 500}, Needs: can("workflows", "list"), Endpoint: api.Handle(s.listWorkflows)},
		{Name: "GetWorkflow", Method: http.MethodGet, Path: "/api/v2/workflows/{workflowId}",
			Statuses: []int{200, 400, 401, 500}, Needs: can("workflows", "get"), Endpoint: api.Handle(s.getWorkflow)},
		{Name: "CFLogin", Method: http.MethodPost, Path: "/cflogin", Also: []string{"/api/v2/cflogin"},
			Statuses: []int{200, 401, 500}, Endpoint: api.Handle(s.cfLogin)},
	}
	for i := range rows {
		if !s.federation {
			rows[i].Endpoint, rows[i].Unavailable = rows[i].Endpoint.Withheld(), "method "+rows[i].Name+" not implemented"
		}
	}
	return rows
}

// The federation's only user (facts/lightbits.md 4.24, assumption 138).
const (
	federationUser     = "admin"
	federationPassword = "light"
)

type cfLoginResponse struct {
	TokenType string `json:"tokenType"`
	ExpiresIn uint64 `json:"expiresIn"` // seconds
	IDToken   string `json:"idToken"`
}

// cfLogin: seeds/002 "Login to the cluster federation service". The token is one of a cluster administrator, good at
// every cluster of the world.
func (s *Service) cfLogin(tx *store.Tx, r *api.Request, _ *api.Empty) (cfLoginResponse, error) {
	name, password, ok := r.HTTP.BasicAuth()
	switch {
	case s.auth == AuthOff:
	case !ok:
		return cfLoginResponse{}, unauthenticated("no credentials: the header Authorization must hold Basic and base64 of user:password")
	case name != federationUser || password != federationPassword:
		return cfLoginResponse{}, unauthenticated("invalid username or password")
	}
	signing, err := s.MintToken(tx.In(""), api.TokenRequest{Vendor: vendor, TTL: defaultTTL})
	if err != nil {
		return cfLoginResponse{}, err
	}
	minted, err := signing()
	return cfLoginResponse{TokenType: "Bearer", ExpiresIn: uint64(defaultTTL / time.Second), IDToken: minted["token"]}, err
}

// cfServiceCredentials is what a cluster's project system must hold so that the federation may use the cluster.
type cfServiceCredentials struct {
	PubKeyID string `json:"pubKeyId"`
	PubKey   []byte `json:"pubKey"` // a PEM file
}

// federationSeed is where the ID of the federation's key comes from: the identity of the world's first cluster, which forks keep.
func (s *Service) federationSeed(tx *store.Tx) uint64 {
	var seed uint64
	if names := statemachine.Partitions(tx)[1:]; len(names) > 0 {
		for _, c := range []byte(s.clusterUUID(tx.In(names[0]))) {
			seed = seed*31 + uint64(c)
		}
	}
	return seed
}

// federationSince is when the federation was set up: its key's ID is of that time.
var federationSince = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *Service) federationCredentials(tx *store.Tx) (cfServiceCredentials, error) {
	key, err := s.federationKey()
	if err != nil {
		return cfServiceCredentials{}, err
	}
	file, err := signing.PublicPEM(key.Public)
	id := "cluster-federation-" + timeuuid.New(timeuuid.Ticks(federationSince), s.federationSeed(tx)).String()
	return cfServiceCredentials{PubKeyID: id, PubKey: file}, err
}

// getCFServiceCredentials: seeds/002 "Get cluster federation service credentials".
func (s *Service) getCFServiceCredentials(tx *store.Tx, _ *api.Request, _ *api.Empty) (cfServiceCredentials, error) {
	return s.federationCredentials(tx)
}

// FederatedCluster is a cluster of the federation (facts/lightbits.md 4.24). All but the connection status is what the
// federation remembers of it.
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

// FederatedConnectionStatus is how the federation stands with a cluster: Connected, Disconnected or Unauthorized. It is
// text here, since the federation writes Connected too, which is the enum's zero.
type FederatedConnectionStatus struct {
	Access string `json:"accessConnectionStatus"`
}

// federated is a cluster of the federation as it is kept.
type federated struct {
	Partition string           `json:"partition"`
	Cluster   FederatedCluster `json:"cluster"`
}

var federatedClusters = store.NewTable("lightbits.federated", func(f *federated) string { return f.Cluster.ID }, store.JSON[federated]())

// maxFederated is how many clusters a federation has (facts/dms-lucidlink-lucidity.md 3.3).
const maxFederated = 2

// federationAccess says how the federation stands with the transaction's cluster, and refuses unless it may use it.
func (s *Service) federationAccess(tx *store.Tx, own cfServiceCredentials) (string, error) {
	apis, _ := s.Reachable(tx)
	switch {
	case !apis:
		return "Disconnected", refusal.New(refusal.Unavailable, "the management API of the cluster does not answer")
	case !s.Trusts(tx, own.PubKeyID, own.PubKey):
		return "Unauthorized", refusal.New(refusal.Unauthenticated, "project %q has no credential %q with the key of this service", systemProject, own.PubKeyID)
	}
	return "Connected", nil
}

type listFederatedResponse struct {
	Clusters []*FederatedCluster `json:"clusters"`
}

// listClusters: seeds/002 "List Lightbits clusters", in the order of their IDs.
func (s *Service) listClusters(tx *store.Tx, _ *api.Request, _ *api.Empty) (listFederatedResponse, error) {
	var answer listFederatedResponse
	own, err := s.federationCredentials(tx)
	if err != nil {
		return answer, err
	}
	for _, row := range federatedClusters.All(tx.In(""), "", "") {
		status, _ := s.federationAccess(tx.In(row.Partition), own)
		row.Cluster.Status = &FederatedConnectionStatus{Access: status}
		answer.Clusters = append(answer.Clusters, &row.Cluster)
	}
	return answer, nil
}

type attachClusterRequest struct {
	APIEndpoint string `json:"apiEndpoint" required:"the mandatory argument {path} is missing: <host>:<port> is expected, such as 10.0.0.1:443"`
}

type workflowIDResponse struct {
	WorkflowID string `json:"workflowId"`
}

var endpointHost = regexp.MustCompile(`^[A-Za-z0-9_:.%-]{1,255}$`)

// attachCluster: seeds/002 "Attach Lightbits cluster". The answer names the workflow that does it.
func (s *Service) attachCluster(tx *store.Tx, _ *api.Request, q *attachClusterRequest) (workflowIDResponse, error) {
	host, port, err := net.SplitHostPort(q.APIEndpoint)
	n, convErr := strconv.ParseUint(port, 10, 16)
	if err != nil || convErr != nil || n == 0 || !endpointHost.MatchString(host) {
		return workflowIDResponse{}, refusal.New(refusal.InvalidArgument,
			"apiEndpoint %q must be of the form <host>:<port>, such as 10.0.0.1:443", q.APIEndpoint)
	}
	id, err := s.newWorkflow(tx.In(""), q)
	return workflowIDResponse{WorkflowID: id}, err
}

type detachClusterRequest struct {
	ClusterID string `json:"cid"`
}

// detachCluster: seeds/002 "Detach Lightbits cluster". The credential stays in the cluster.
func (s *Service) detachCluster(tx *store.Tx, _ *api.Request, q *detachClusterRequest) (api.Empty, error) {
	if err := checkID("cid", q.ClusterID); err != nil {
		return api.Empty{}, err
	}
	err := federatedClusters.Delete(tx.In(""), q.ClusterID)
	if errors.Is(err, store.ErrNotFound) {
		err = refusal.New(refusal.NotFound, "cluster %s is not attached", q.ClusterID)
	}
	return api.Empty{}, err
}

func checkID(member, text string) error {
	if _, err := uuid.Parse(text); err != nil || len(text) != 36 {
		return refusal.New(refusal.InvalidArgument, "%s %q is not a valid UUID", member, text)
	}
	return nil
}

// federate keeps what a cluster says of itself.
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
