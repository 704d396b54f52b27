package lightbits

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGetCluster(t *testing.T) {
	s := newServer(t, withCluster(`
uuid: 2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1
servers: [{version: 3.10.1}, {version: 3.9.2~b5}]
volumes: [{name: v, replicaCount: 2, size: 1GiB}]`))
	var c Cluster
	s.get("/api/v2/cluster", &c)
	require.Equal(t, Cluster{
		UUID:               "2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1",
		SubsystemNQN:       "nqn.2016-01.com.lightbitslabs:uuid:2f4bc0f7-9a52-4a26-98a9-5b1e64b7a7c1",
		CurrentMaxReplicas: 2, SupportedMaxReplicas: 3, ETag: "1", MinVersionInCluster: "3.9.2~b5",
		MinAllowedVersion: defaultMinVersion, MaxAllowedVersion: defaultMaxVersion,
		APIEndpoints:       []string{"10.1.0.10:443", "10.1.0.11:443"},
		DiscoveryEndpoints: []string{"10.1.0.10:8009", "10.1.0.11:8009"}, ClusterName: "local",
		Health:         &ClusterHealth{State: HealthOK, NumHealthyVolumes: 1},
		LastUpgrade:    &ClusterLastUpgrade{Status: ClusterUpgradeNone},
		InBandAuthMode: InBandAuthDisabled, EncryptionStatus: &ClusterEncryptionStatus{},
		FederatedAuthenticationStatus: &FederatedAuthenticationStatus{},
		Statistics: &ClusterStatistics{
			InstalledPhysicalStorage: 61440000000000, ManagedPhysicalStorage: 61440000000000,
			EffectivePhysicalStorage: 53760000000000, LogicalStorage: 2 << 30, FreePhysicalStorage: 48384000000000,
			EstimatedFreeLogicalStorage: 48384000000000, EstimatedLogicalStorage: 53760000000000, CompressionRatio: 1,
		},
	}, decodeWire[Cluster](t, s, "/api/v2/cluster"))
	info := decodeWire[ClusterInfo](t, s, "/api/v2/clusterinfo")
	require.Equal(t, []string{"10.1.0.10:4420", "10.1.0.11:4420"}, info.NvmeEndpoints)
	require.Equal(t, c.SubsystemNQN, info.SubsystemNQN)
	_, body := s.do(http.MethodGet, "/api/v2/clusterinfo", admin, "")
	require.NotContains(t, body, "statistics")
	require.NotContains(t, body, "health")
	_, body = s.do(http.MethodGet, "/api/v2/version", admin, "")
	require.JSONEq(t, `{"apiVersion":"v2.0"}`, body)
}

func TestGetCluster_WorldWithoutCluster(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/api/v2/cluster", "/api/v2/clusterinfo"} {
		status, body := s.do(http.MethodGet, path, admin, "")
		require.Equal(t, 503, status, body)
	}
}
