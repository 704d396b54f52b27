package lightbits

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// collect writes the parts of the archive that the options ask for.
func (a *logArchive) collect() error {
	var servers []Server
	if err := a.view(func(tx *store.Tx) error {
		servers = nil
		for _, row := range a.service.servers.Table().All(tx, "", "") {
			servers = append(servers, row.Body)
		}
		return nil
	}); err != nil {
		return err
	}
	slices.SortFunc(servers, func(x, y Server) int { return strings.Compare(x.Name, y.Name) })
	a.note("# collected at %s, events since %s", logTime(a.at), logTime(a.since))
	only := a.options.CollectServicesLbcliEtcd
	for _, part := range []struct {
		wanted bool
		write  func([]Server) error
	}{
		{true, a.services},
		{true, a.lbcli},
		{true, a.etcd},
		{!only && !a.options.DontCollectLogs, a.varLog},
		{!only && !a.options.SkipStatistics, a.statistics},
		{a.options.CaptureCPUAndTCPDump, a.network},
	} {
		if !part.wanted {
			continue
		}
		if err := part.write(servers); err != nil {
			return err
		}
	}
	return nil
}

func logTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// reachable reports whether logs can be collected from a server. For one that has failed it adds a note.
func (a *logArchive) reachable(v *Server) bool {
	if v.State == ServerFailed {
		a.note("# %s is %s and cannot be reached", v.Name, v.State)
		return false
	}
	return true
}

// serverServices are the parts of the product that run on a server.
var serverServices = [...]string{"api-service", "cluster-manager", "discovery-service", "etcd", "node-manager",
	"upgrade-manager"}

// services writes which services run on each server.
func (a *logArchive) services(servers []Server) error {
	a.ran("systemctl list-units 'lightos-*'")
	for i := range servers {
		v := &servers[i]
		if !a.reachable(v) {
			continue
		}
		var text bytes.Buffer
		for _, name := range serverServices {
			state := "active"
			if v.State == ServerDisabled && name == "node-manager" {
				state = "inactive"
			}
			fmt.Fprintf(&text, "lightos-%s.service %s %s\n", name, v.LightOSVersion, state)
		}
		if err := a.file(v.Name+"/services.txt", text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// lbcli writes the cluster and its resources as the API returns them, one resource per line.
func (a *logArchive) lbcli([]Server) error {
	s := a.service
	a.ran("lbcli get cluster")
	if err := a.once("lbcli/cluster.json", func(tx *store.Tx) ([]byte, error) {
		c, err := s.getCluster(tx, nil, nil)
		if err != nil {
			return nil, err
		}
		return wire.Append(nil, &c, zero)
	}); err != nil {
		return err
	}
	for _, list := range []struct {
		what string
		rows rows
	}{
		{"servers", shownRows(s.servers, func(tx *store.Tx, v *Server) (Server,
			error) {
			return s.shownServer(tx, v, s.serviceRisks(tx)), nil
		})},
		{"nodes", shownRows(s.nodes, s.shownNode)},
		{"nvme-devices", bodies(s.nvmeDevices)},
		{"projects", tableRows(projects, func(p *projectRow) any { return &p.Project })},
		{"volumes", bodies(s.volumes)},
		{"snapshots", bodies(s.snapshots)},
		{"policies", bodies(s.policies)},
		{"resource-policies", bodies(s.resourcePolicies)},
		{"admin-endpoints", bodies(s.adminEndpoints)},
		{"connected-hosts", tableRows(hostTable, func(h *ConnectedHost) any { return h })},
		{"events", a.eventRows},
	} {
		a.ran("lbcli list " + list.what)
		if err := a.lines("lbcli/"+list.what, ".jsonl", list.rows); err != nil {
			return err
		}
	}
	return a.settings()
}

// settings writes the cluster's configuration and feature flags.
func (a *logArchive) settings() error {
	s := a.service
	a.ran("lbcli list cluster-config")
	if err := a.once("lbcli/cluster-config.json", func(tx *store.Tx) ([]byte, error) {
		list, err := s.listClusterConfigParams(tx, nil, &api.Empty{})
		if err != nil {
			return nil, err
		}
		return wire.Append(nil, &list, zero)
	}); err != nil {
		return err
	}
	a.ran("lbcli list feature-flags")
	return a.once("lbcli/feature-flags.json", func(tx *store.Tx) ([]byte, error) {
		list, err := s.listFeatureFlags(tx, nil, &api.Empty{})
		if err != nil {
			return nil, err
		}
		return wire.Append(nil, &list, zero)
	})
}

// etcd writes the stored rows of resources with a life cycle, one key per line. None of them contains secrets.
func (a *logArchive) etcd([]Server) error {
	s := a.service
	for _, list := range []struct {
		kind string
		rows rows
	}{
		{"servers", dumped(s.servers)}, {"nodes", dumped(s.nodes)}, {"nvmedevices", dumped(s.nvmeDevices)},
		{"volumes", dumped(s.volumes)}, {"snapshots", dumped(s.snapshots)}, {"policies", dumped(s.policies)},
		{"resourcepolicies", dumped(s.resourcePolicies)}, {"adminendpoints", dumped(s.adminEndpoints)},
	} {
		a.ran("etcdctl get --prefix /" + list.kind)
		if err := a.lines("etcd/"+list.kind, ".jsonl", list.rows); err != nil {
			return err
		}
	}
	return nil
}

// varLog writes the logs of the servers, which consist of events. Events about a server, its nodes and its devices are
// in the log of its node manager; events about the cluster and its volumes are in the log of the first server's cluster
// manager.
func (a *logArchive) varLog(servers []Server) error {
	a.ran("tar -c /var/log")
	first := true
	for i := range servers {
		v := &servers[i]
		if !a.reachable(v) {
			continue
		}
		about, err := a.idsOf(v)
		if err != nil {
			return err
		}
		if err := a.lines(v.Name+"/var/log/lightbits/node-manager", ".log", a.logRows(func(e *events.Event) bool {
			c := component(e)
			return c != nil && slices.Contains(about, c.ID)
		}, events.TypeServer, events.TypeNode, events.TypeNVMeSSD)); err != nil {
			return err
		}
		if !first {
			continue
		}
		first = false
		all := func(*events.Event) bool { return true }
		if err := a.lines(v.Name+"/var/log/lightbits/cluster-manager", ".log",
			a.logRows(all, events.TypeCluster, events.TypeVolume, events.TypeDataIntegrity,
				events.TypeClusterEncryption)); err != nil {
			return err
		}
	}
	return nil
}

// idsOf returns the IDs in events about a server: its own, those of its nodes, and the serials of its devices,
// including those that were pulled out.
func (a *logArchive) idsOf(v *Server) ([]string, error) {
	ids := append([]string{v.UUID}, v.NodesUUIDs...)
	err := a.view(func(tx *store.Tx) error {
		ids = ids[:1+len(v.NodesUUIDs)]
		for _, row := range a.service.nvmeDevices.Table().By(tx, devicesByServer, v.UUID) {
			ids = append(ids, row.Body.Serial)
		}
		for serial, p := range pulledDevices.All(tx, "", "") {
			if p.Device.ServerUUID == v.UUID {
				ids = append(ids, serial)
			}
		}
		return nil
	})
	return ids, err
}

// component returns the subject of an event about hardware, or nil.
func component(e *events.Event) *events.ComponentInfo {
	for _, c := range []*events.ComponentInfo{e.ComponentServerInfo, e.ComponentNodeInfo, e.ComponentNVMeSSDInfo} {
		if c != nil {
			return c
		}
	}
	return nil
}

// statistics writes captures of the front end (volumes) and of the back end (nodes and devices), as many as the options
// ask for. The last one shows this instant. The clock does not wait, so the others show the past (assumption 241).
func (a *logArchive) statistics([]Server) error {
	s := a.service
	export := true
	if err := a.view(func(tx *store.Tx) error {
		export = !s.configOn(tx, configNoVolumeStatistics)
		return nil
	}); err != nil {
		return err
	}
	if !export {
		a.note("# %s is true: no statistics of volumes", configNoVolumeStatistics)
	}
	cycles := int(a.options.NumOfStatisticsToCapture)
	for i := range cycles {
		at := a.at.Add(-time.Duration(cycles-1-i) * time.Duration(a.options.IntervalBetweenBEReadCycles) * time.Second)
		dir := fmt.Sprintf("statistics/%s-%03d/", at.UTC().Format("20060102-150405"), i)
		a.ran("capture statistics of " + logTime(at))
		if err := a.lines(dir+"be-nodes", ".jsonl", shownRows(s.nodes, func(tx *store.Tx, n *Node) (Node, error) {
			if at.Before(a.at) {
				return s.nodeAt(tx, n, at)
			}
			shown, err := s.shownNode(tx, n)
			return Node{UUID: shown.UUID, Name: shown.Name, Statistics: shown.Statistics}, err
		})); err != nil {
			return err
		}
		if err := a.lines(dir+"be-nvme-devices", ".jsonl",
			shownRows(s.nvmeDevices, func(_ *store.Tx, d *NvmeDevice) (NvmeDevice, error) {
				return NvmeDevice{Serial: d.Serial, Name: d.Name, Statistics: d.Statistics}, nil
			})); err != nil {
			return err
		}
		if !export {
			continue
		}
		if err := a.lines(dir+"fe-volumes", ".jsonl",
			shownRows(s.volumes, func(tx *store.Tx, v *Volume) (Volume, error) {
				return s.volumeAt(tx, v, at)
			})); err != nil {
			return err
		}
	}
	return nil
}

// captureSeconds is the length of the CPU and network capture (option CaptureCpuAndTcpDump).
const captureSeconds = 5

// network writes a capture of each server's network and processors. A simulated server runs nothing: there are no
// packets, and the processors are idle.
func (a *logArchive) network(servers []Server) error {
	a.ran("tcpdump -w network/tcpdump.cap -G 5 -W 1")
	a.ran("sar -u 1 5")
	for i := range servers {
		v := &servers[i]
		if !a.reachable(v) {
			continue
		}
		if err := a.file(v.Name+"/network/tcpdump.cap", emptyCapture()); err != nil {
			return err
		}
		var sar bytes.Buffer
		fmt.Fprintf(&sar, "%-12s  CPU     %%user   %%system   %%iowait     %%idle\n", "time")
		for k := range captureSeconds {
			fmt.Fprintf(&sar, "%-12s  all      0.00      0.00      0.00    100.00\n",
				a.at.Add(time.Duration(k-captureSeconds)*time.Second).UTC().Format(time.TimeOnly))
		}
		if err := a.file(v.Name+"/network/sar.log", sar.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// emptyCapture returns the header of a pcap file: magic number, version 2.4, no offset, no accuracy, 256 KiB of each
// packet, Ethernet.
func emptyCapture() []byte {
	head := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...)
	head = binary.LittleEndian.AppendUint32(head, 256<<10)
	return binary.LittleEndian.AppendUint32(head, 1)
}
