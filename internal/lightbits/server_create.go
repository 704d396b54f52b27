package lightbits

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type createServerRequest struct {
	ServerEndpoints []string `json:"serverEndpoints" required:"the mandatory argument {path} is missing: one endpoint, such as http://10.0.0.1:2380"`
	ServerUUID      string   `json:"serverUUID" required:"the mandatory argument {path} is missing"`
	ReuseIP         bool     `json:"reuseIP"`
	ExtendCluster   bool     `json:"extendCluster"`
}

// createServer: seeds/002 "Create Server". The new server is like the first one of the cluster (assumption 263): it has
// as many nodes and devices, and the lowest version in the cluster.
func (s *Service) createServer(tx *store.Tx, _ *api.Request, q *createServerRequest) (Server, error) {
	ip, err := s.checkNewServer(tx, q)
	if err != nil {
		return Server{}, err
	}
	if err := s.mayStart(tx, opCreateServer, q.ServerUUID); err != nil {
		return Server{}, err
	}
	like := s.firstServer(tx)
	server := Server{
		UUID: q.ServerUUID, Name: s.nextServerName(tx), ServerEndpoints: q.ServerEndpoints,
		LightOSVersion: defaultVersion,
		UpgradeStatus:  UpgradeNone, APIEndpoints: []string{net.JoinHostPort(ip, apiPort)},
		LastUpgrade: &ServerLastUpgrade{Status: UpgradeNone},
	}
	if ends := s.endpoints(tx); len(ends.versions) > 0 {
		server.LightOSVersion = slices.MinFunc(ends.versions, compareVersions)
	}
	nodes := 1
	if like != nil {
		server.Tpm2IsSupported, nodes = like.Tpm2IsSupported, max(1, len(like.NodesUUIDs))
	}
	for i := range nodes {
		id, err := s.addLikeNode(tx, &server, like, i, ip)
		if err != nil {
			return Server{}, err
		}
		server.NodesUUIDs = append(server.NodesUUIDs, id)
	}
	if err := serverOptionsTable.Put(tx, &serverOptions{Server: server.UUID, Extend: q.ExtendCluster}); err != nil {
		return Server{}, err
	}
	if err := s.clusterChanged(tx); err != nil {
		return Server{}, err
	}
	row, err := s.servers.Create(tx, server, statemachine.State(ServerCreating))
	if err != nil {
		return Server{}, err
	}
	return s.shownServer(tx, &row.Body, s.serviceRisks(tx)), nil
}

// checkNewServer returns the IP address of a server that may join the cluster. The error is InvalidArgument or
// AlreadyExists.
func (s *Service) checkNewServer(tx *store.Tx, q *createServerRequest) (ip string, err error) {
	if len(q.ServerEndpoints) != 1 {
		return "", refusal.New(refusal.InvalidArgument,
			"serverEndpoints has %d endpoints; exactly one is needed, such as http://10.0.0.1:%s",
			len(q.ServerEndpoints), etcdPort)
	}
	endpoint := q.ServerEndpoints[0]
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Port() == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || len(endpoint) > maxURL {
		return "", refusal.New(refusal.InvalidArgument, "server endpoint %q is not of the form http://<ip>:<port>",
			endpoint)
	}
	address, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return "", refusal.New(refusal.InvalidArgument,
			"server endpoint %q must name an IP address, such as http://10.0.0.1:%s", endpoint, etcdPort)
	}
	id, err := uuid.Parse(q.ServerUUID)
	if err != nil {
		return "", refusal.New(refusal.InvalidArgument, "serverUUID %q is not a UUID", q.ServerUUID)
	}
	q.ServerUUID = id.String()
	count := 0
	for _, row := range s.servers.Table().All(tx, "", "") {
		count++
		if row.Body.UUID == q.ServerUUID {
			return "", refusal.New(refusal.AlreadyExists, "a server with the UUID %s already exists: %s", q.ServerUUID,
				row.Body.Name).
				Because(s.servers.Stands("CreateServer", &row))
		}
		if !q.ReuseIP && slices.Contains(row.Body.ServerEndpoints, endpoint) {
			return "", refusal.New(refusal.AlreadyExists,
				"server %s already has the endpoint %s; reuseIP bypasses this check", row.Body.Name, endpoint).
				Because(s.servers.Stands("CreateServer", &row))
		}
	}
	if count >= maxServers {
		return "", refusal.New(refusal.InvalidArgument, "the cluster has %d servers, which is the maximum", count)
	}
	return address.String(), nil
}

// nextServerName returns "server" with the number after the highest one in use.
func (s *Service) nextServerName(tx *store.Tx) string {
	next := 0
	for _, row := range s.servers.Table().All(tx, "", "") {
		if digits, ok := strings.CutPrefix(row.Body.Name, "server"); ok {
			if n, err := strconv.Atoi(digits); err == nil && n < 1_000_000 {
				next = max(next, n+1)
			}
		}
	}
	return fmt.Sprintf("server%02d", next)
}

// firstServer returns the server with the first name, or nil if the cluster has no server.
func (s *Service) firstServer(tx *store.Tx) *Server {
	var first *Server
	for _, row := range s.servers.Table().All(tx, "", "") {
		if first == nil || row.Body.Name < first.Name {
			first = &row.Body
		}
	}
	return first
}

// addLikeNode creates the i-th node of a new server, Unattached, with devices like those of the i-th node of like.
func (s *Service) addLikeNode(tx *store.Tx, server, like *Server, i int, ip string) (string, error) {
	device, count := deviceSeed{model: defaultModel}, defaultDevices
	device.size, _ = parseSize(defaultDeviceSize) // a valid size
	if like != nil && i < len(like.NodesUUIDs) {
		devices := s.devicesOf(tx, like.NodesUUIDs[i])
		if len(devices) > 0 {
			count, device = len(devices), deviceSeed{size: devices[0].Body.Size, model: devices[0].Body.Model}
		}
	}
	node := Node{
		Name: server.Name + "-" + strconv.Itoa(i), UUID: tx.NewUUID().String(), Status: NodeConnectivityOK,
		NvmeEndpoint: net.JoinHostPort(ip, strconv.Itoa(nvmePort+i)), FailureDomains: []string{server.Name},
		Hostname:       server.Name,
		MaxNvmeDevices: maxDevicesPerNode, Ec: count >= physics.ErasureCodedFrom, ServerUUID: server.UUID,
	}
	if _, err := s.nodes.Create(tx, node, statemachine.State(NodeUnattached)); err != nil {
		return "", err
	}
	for k := range count {
		d := NvmeDevice{
			Size: device.size, NumaNodeID: uint64(i), Model: device.model, Serial: newSerial(tx, i, k),
			ServerUUID: server.UUID,
			Name:       fmt.Sprintf("nvme%dn1", i*count+k), NodeUUID: node.UUID, Statistics: &NvmeDeviceStatistics{},
			DeviceUsage: UsageData,
		}
		if _, err := s.nvmeDevices.Create(tx, d, statemachine.State(DeviceHealthy)); err != nil {
			return "", err
		}
	}
	return node.UUID, usageTable.Insert(tx, &nodeUsage{
		UUID: node.UUID, Name: node.Name, Server: server.UUID, Domains: node.FailureDomains, Synced: true,
		Disks: physics.Disks{Count: uint64(count), Bytes: uint64(count) * device.size, Coded: node.Ec},
	})
}

// newSerial returns a random serial for the k-th device of a server's i-th node.
func newSerial(tx *store.Tx, i, k int) string {
	var serial [7]byte
	binary.BigEndian.PutUint32(serial[:], tx.Rand().Uint32())
	copy(serial[4:], []byte{byte(i), byte(k >> 8), byte(k)})
	return "SIM" + strings.ToUpper(hex.EncodeToString(serial[:]))
}
