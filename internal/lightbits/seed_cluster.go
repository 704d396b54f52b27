package lightbits

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

const (
	apiPort  = "443"
	etcdPort = "2380"
	nvmePort = 4420 // of a server's first node; the second node has the next port
)

// fillCluster creates a cluster from a checked seed. number is its position among the world's clusters, from 1, and
// part of its addresses. Volumes are placed before any node fails.
func (s *Service) fillCluster(tx *store.Tx, c *clusterSeed, number int) error {
	row := clusterRow{
		UUID: c.UUID, Name: c.Name, MinAllowed: c.MinAllowedVersion, MaxAllowed: c.MaxAllowedVersion,
		MaxReplicas: *c.MaxReplicas, Changes: 1,
	}
	if row.UUID == "" {
		row.UUID = tx.NewUUID().String()
	}
	if err := clusterTable.Insert(tx, &row); err != nil {
		return err
	}
	if _, err := s.encryptions.Create(tx, ClusterEncryptionStatus{},
		statemachine.State(EncryptionDisabled)); err != nil {
		return err
	}
	if err := s.fillTenancy(tx, c); err != nil {
		return err
	}
	for i := range c.servers {
		if err := s.addServer(tx, &c.servers[i], c.device,
			fmt.Sprintf("10.%d.%d.%d", number, i/200, 10+i%200)); err != nil {
			return strict.Below(fmt.Sprintf("servers[%d]", i), err)
		}
	}
	for i := range c.volumes {
		if err := s.addVolumes(tx, &c.volumes[i]); err != nil {
			return inputError(fmt.Sprintf("volumes[%d]", i), "%s", err.Error())
		}
	}
	for i := range c.servers {
		if err := s.takeDown(tx, &c.servers[i]); err != nil {
			return err
		}
	}
	return s.logEvent(tx, events.ClusterReady, events.AboutCluster(row.UUID, row.Name))
}

func (s *Service) fillTenancy(tx *store.Tx, c *clusterSeed) error {
	if _, err := s.policyByName(tx, unlimitedPolicy); errors.Is(err, store.ErrNotFound) {
		unlimited := Policy{
			Name: unlimitedPolicy, Description: unlimitedDescription,
		}
		if err := s.seedPolicy(tx, unlimited); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	projects := append([]projectSeed{{Name: systemProject}, {Name: defaultProject}}, c.Projects...)
	for _, p := range projects {
		if err := s.seedProject(tx, p.Name, p.Description); err != nil {
			return err
		}
	}
	for i := range c.Policies {
		if err := s.seedPolicy(tx, c.Policies[i]); errors.Is(err, store.ErrExists) {
			return inputError(fmt.Sprintf("policies[%d].name", i), "another policy is named %q", c.Policies[i].Name)
		} else if err != nil {
			return err
		}
	}
	for name, on := range c.FeatureFlags {
		if err := s.setFlag(tx, name, on); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) addServer(tx *store.Tx, seed *serverSeed, device deviceSeed, ip string) error {
	if seed.IP != "" {
		ip = seed.IP
	}
	server := Server{
		UUID: seed.UUID, Name: seed.Name, ServerEndpoints: []string{"http://" + net.JoinHostPort(ip, etcdPort)},
		LightOSVersion: seed.Version, UpgradeStatus: UpgradeNone, APIEndpoints: []string{net.JoinHostPort(ip, apiPort)},
		LastUpgrade: &ServerLastUpgrade{Status: UpgradeNone}, Tpm2IsSupported: *seed.Tpm2IsSupported,
	}
	if server.UUID == "" {
		server.UUID = tx.NewUUID().String()
	}
	for i := range seed.Nodes {
		n := &seed.Nodes[i]
		if n.UUID == "" {
			n.UUID = tx.NewUUID().String()
		}
		server.NodesUUIDs = append(server.NodesUUIDs, n.UUID)
		if err := s.addNode(tx, n, i, &server, ip, device); err != nil {
			return err
		}
	}
	_, err := s.servers.Create(tx, server, statemachine.State(ServerEnabled))
	return duplicate(err)
}

// duplicate returns a *strict.Error for a UUID that is used twice.
func duplicate(err error) error {
	if errors.Is(err, store.ErrExists) {
		return inputError("uuid", "it is used twice: %s", err.Error())
	}
	return err
}

// addNode creates the i-th node of a server, with its devices.
func (s *Service) addNode(tx *store.Tx, seed *nodeSeed, i int, server *Server, ip string, device deviceSeed) error {
	coded := *seed.Devices >= physics.ErasureCodedFrom
	node := Node{
		Name: server.Name + "-" + strconv.Itoa(i), UUID: seed.UUID, Status: NodeConnectivityOK,
		NvmeEndpoint: net.JoinHostPort(ip, strconv.Itoa(nvmePort+i)), FailureDomains: seed.FailureDomains,
		Hostname:       server.Name,
		MaxNvmeDevices: maxDevicesPerNode, Ec: coded, ServerUUID: server.UUID,
	}
	attached := seed.State != NodeUnattached
	state := statemachine.State(NodeActive)
	if !attached {
		state = statemachine.State(NodeUnattached)
	}
	if _, err := s.nodes.Create(tx, node, state); err != nil {
		return duplicate(err)
	}
	for k := range *seed.Devices {
		var serial [7]byte
		binary.BigEndian.PutUint32(serial[:], tx.Rand().Uint32())
		copy(serial[4:], []byte{byte(i), byte(k >> 8), byte(k)})
		d := NvmeDevice{
			Size: device.size, NumaNodeID: uint64(i), Model: device.model,
			Serial:     "SIM" + strings.ToUpper(hex.EncodeToString(serial[:])),
			ServerUUID: server.UUID, Name: fmt.Sprintf("nvme%dn1", i**seed.Devices+k), NodeUUID: seed.UUID,
			Statistics: &NvmeDeviceStatistics{}, DeviceUsage: UsageData,
		}
		if _, err := s.nvmeDevices.Create(tx, d, statemachine.State(DeviceHealthy)); err != nil {
			return err
		}
	}
	return usageTable.Insert(tx, &nodeUsage{
		UUID: node.UUID, Name: node.Name, Server: server.UUID, Domains: node.FailureDomains,
		Serving: attached, Synced: true, Attached: attached,
		Disks: physics.Disks{Count: uint64(*seed.Devices), Bytes: uint64(*seed.Devices) * device.size, Coded: coded},
	})
}

// takeDown makes the nodes fail that start Inactive.
func (s *Service) takeDown(tx *store.Tx, seed *serverSeed) error {
	for i := range seed.Nodes {
		if seed.Nodes[i].State != NodeInactive {
			continue
		}
		row, err := s.nodes.Get(tx, seed.Nodes[i].UUID)
		if err != nil {
			return err
		}
		if err := s.nodes.Fire(tx, &row, "fail"); err != nil {
			return err
		}
	}
	return nil
}
