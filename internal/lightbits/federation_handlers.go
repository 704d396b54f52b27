package lightbits

import (
	"errors"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

type listFederatedResponse struct {
	Clusters []*FederatedCluster `json:"clusters"`
}

// listClusters: seeds/002 "List Lightbits clusters", in the order of their IDs.
func (s *Service) listClusters(tx *store.Tx, _ *api.Request, _ *api.Empty) (listFederatedResponse, error) {
	var response listFederatedResponse
	own, err := s.federationCredentials(tx)
	if err != nil {
		return response, err
	}
	for _, row := range federatedClusters.All(tx.In(""), "", "") {
		status, _ := s.federationAccess(tx.In(row.Partition), own)
		row.Cluster.Status = &FederatedConnectionStatus{Access: status}
		response.Clusters = append(response.Clusters, &row.Cluster)
	}
	return response, nil
}

type attachClusterRequest struct {
	APIEndpoint string `json:"apiEndpoint" required:"the mandatory argument {path} is missing: <host>:<port> is expected, such as 10.0.0.1:443"`
}

type workflowIDResponse struct {
	WorkflowID string `json:"workflowId"`
}

// attachCluster: seeds/002 "Attach Lightbits cluster". The response has the ID of the workflow that does it.
func (s *Service) attachCluster(tx *store.Tx, r *api.Request, q *attachClusterRequest) (workflowIDResponse, error) {
	if !api.IsHostPort(q.APIEndpoint) {
		return workflowIDResponse{}, refusal.New(refusal.InvalidArgument,
			"apiEndpoint %q must be of the form <host>:<port>, such as 10.0.0.1:443", q.APIEndpoint)
	}
	if partition := r.ClusterAt(tx, q.APIEndpoint); partition != "" {
		if err := s.NoteAddress(tx, q.APIEndpoint, partition); err != nil {
			return workflowIDResponse{}, err
		}
	}
	id, err := s.newWorkflow(tx.In(""), q)
	return workflowIDResponse{WorkflowID: id}, err
}

type detachClusterRequest struct {
	ClusterID string `json:"cid"`
}

// detachCluster: seeds/002 "Detach Lightbits cluster". The credential remains in the cluster.
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
