package lightbits

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// worldSeed is the section lightbits of a fixture. Without it, a world has the clusters east and west with all
// defaults.
type worldSeed struct {
	Clusters *[]clusterSeed `json:"clusters"`
}

// clusterSeed describes a cluster. All members but the name have defaults.
type clusterSeed struct {
	Name              string          `json:"name"`
	UUID              string          `json:"uuid"`
	Version           string          `json:"version"`
	MinAllowedVersion string          `json:"minAllowedVersion"`
	MaxAllowedVersion string          `json:"maxAllowedVersion"`
	MaxReplicas       *uint32         `json:"maxReplicas"`
	Servers           json.RawMessage `json:"servers"`        // a number, or a list of serverSeed
	NodesPerServer    *int            `json:"nodesPerServer"` // 1 or 2
	DevicesPerNode    *int            `json:"devicesPerNode"`
	DeviceSize        string          `json:"deviceSize"`
	DeviceModel       string          `json:"deviceModel"`
	Projects          []projectSeed   `json:"projects"` // in addition to system and default
	Policies          []Policy        `json:"policies"` // in addition to no-limit-policy
	FeatureFlags      map[string]bool `json:"featureFlags"`
	Tpm2IsSupported   bool            `json:"tpm2IsSupported"` // the default of its servers
	Volumes           json.RawMessage `json:"volumes"`         // a volumeSeed, or a list of them

	// The members above, checked and with defaults.
	servers []serverSeed
	volumes []volumeSeed
	device  deviceSeed
}

// serverSeed describes a server. The default names are server00, server01 and so on.
type serverSeed struct {
	Name    string     `json:"name"`
	UUID    string     `json:"uuid"`
	Version string     `json:"version"`
	IP      string     `json:"ip"`
	Nodes   []nodeSeed `json:"nodes"`

	Tpm2IsSupported *bool `json:"tpm2IsSupported"`
}

// nodeSeed describes a node. Its name is the server's name, a dash and its number.
type nodeSeed struct {
	UUID           string    `json:"uuid"`
	State          NodeState `json:"state"` // Active, Inactive or Unattached
	FailureDomains []string  `json:"failureDomains"`
	Devices        *int      `json:"devices"`
}

type deviceSeed struct {
	size  uint64
	model string
}

type projectSeed struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

const (
	defaultVersion    = "3.15.1"
	defaultMinVersion = "3.12.1"
	defaultMaxVersion = "3.16.1"
	defaultServers    = 3
	defaultDevices    = 8
	defaultDeviceSize = "3.84TB"
	defaultModel      = "SIM NVMe SSD 3.84TB"
	maxClusters       = 250
	maxServers        = 240
	maxDevicesPerNode = 24
	maxSeededVolumes  = 50_000 // of all clusters
)

var clusterNameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Seed fills a world from the section lightbits of a fixture. Requests that name no cluster go to the first one. Errors
// are *strict.Error with the path inside the section; the section is checked before anything is written. Names, UUIDs
// and serials that the section does not give are drawn from the world's seed.
func (s *Service) Seed(tx *store.Tx, section []byte) error {
	var w worldSeed
	if err := strict.Decode(section, &w); err != nil {
		return err
	}
	if w.Clusters == nil {
		w.Clusters = &[]clusterSeed{{Name: "east"}, {Name: "west"}}
	}
	clusters := *w.Clusters
	if len(clusters) > maxClusters {
		return inputError("clusters", "%d clusters are too many; a world has at most %d", len(clusters), maxClusters)
	}
	seen, volumes := map[string]bool{}, 0
	for i := range clusters {
		at := fmt.Sprintf("clusters[%d]", i)
		if err := clusters[i].check(); err != nil {
			return strict.Below(at, err)
		}
		if seen[clusters[i].Name] {
			return strict.Below(at, inputError("name", "another cluster is named %q", clusters[i].Name))
		}
		seen[clusters[i].Name] = true
		for k := range clusters[i].volumes {
			volumes += clusters[i].volumes[k].count()
		}
		if volumes > maxSeededVolumes {
			return inputError(at+".volumes", "more than %d volumes in all clusters", maxSeededVolumes)
		}
	}
	for i := range clusters {
		if err := statemachine.AddPartition(tx, clusters[i].Name); err != nil {
			return err
		}
		if err := s.fillCluster(tx.In(clusters[i].Name), &clusters[i], i+1); err != nil {
			return strict.Below(fmt.Sprintf("clusters[%d]", i), err)
		}
	}
	return nil
}

func inputError(path, format string, args ...any) *strict.Error {
	return &strict.Error{Path: path, Detail: fmt.Sprintf(format, args...)}
}

// decodeMany decodes one T or a list of them. The path of an error in a list starts with the index.
func decodeMany[T any](raw json.RawMessage) ([]T, error) {
	if strings.HasPrefix(strings.TrimSpace(string(raw)), "[") {
		var list []T
		return list, strict.Decode(raw, &list)
	}
	one := make([]T, 1)
	return one, strict.Decode(raw, &one[0])
}

// check fills in the defaults and returns the first error.
func (c *clusterSeed) check() error {
	setDefault(&c.Version, defaultVersion)
	setDefault(&c.MinAllowedVersion, defaultMinVersion)
	setDefault(&c.MaxAllowedVersion, defaultMaxVersion)
	setDefault(&c.DeviceSize, defaultDeviceSize)
	setDefault(&c.DeviceModel, defaultModel)
	if !clusterNameForm.MatchString(c.Name) {
		return inputError("name",
			"%q must have 1 to 63 lower-case letters, digits and dashes, since it is also a host name", c.Name)
	}
	if err := checkUUID(c.UUID); err != nil {
		return err
	}
	if c.MaxReplicas == nil {
		c.MaxReplicas = new(uint32(3))
	}
	if *c.MaxReplicas < 1 || *c.MaxReplicas > 3 {
		return inputError("maxReplicas", "%d must be 1, 2 or 3", *c.MaxReplicas)
	}
	size, err := parseSize(c.DeviceSize)
	if err != nil {
		return inputError("deviceSize", "%s", err.Error())
	}
	c.device = deviceSeed{size: size, model: c.DeviceModel}
	if err := c.checkServers(); err != nil {
		return err
	}
	for i, p := range c.Projects {
		if err := checkName("project", p.Name); err != nil {
			return inputError(fmt.Sprintf("projects[%d].name", i), "%s", err.Error())
		}
	}
	for i := range c.Policies {
		if c.Policies[i].Name == "" || c.Policies[i].Name == unlimitedPolicy {
			return inputError(fmt.Sprintf("policies[%d].name", i),
				"%q must be a name, and not %s, which every cluster has", c.Policies[i].Name, unlimitedPolicy)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.FeatureFlags)) {
		if err := checkFlag(name); err != nil {
			return inputError("featureFlags."+name, "%s", err.Error())
		}
	}
	return c.checkVolumes()
}

func setDefault(text *string, value string) {
	if *text == "" {
		*text = value
	}
}

func checkUUID(text string) error {
	if _, err := uuid.Parse(text); text != "" && err != nil {
		return inputError("uuid", "%q is not a UUID", text)
	}
	return nil
}

func (c *clusterSeed) checkServers() error {
	perServer, perNode := 1, defaultDevices
	if c.NodesPerServer != nil {
		perServer = *c.NodesPerServer
	}
	if perServer < 1 || perServer > 2 {
		return inputError("nodesPerServer", "%d must be 1 or 2", perServer)
	}
	if c.DevicesPerNode != nil {
		perNode = *c.DevicesPerNode
	}
	if perNode < 1 || perNode > maxDevicesPerNode {
		return inputError("devicesPerNode", "%d must be 1 to %d", perNode, maxDevicesPerNode)
	}
	count := defaultServers
	if err := json.Unmarshal(c.Servers, &count); err != nil && len(c.Servers) > 0 {
		if c.servers, err = decodeMany[serverSeed](c.Servers); err != nil {
			return strict.Below("servers", err)
		}
		count = len(c.servers)
	} else if count > 0 && count <= maxServers {
		c.servers = make([]serverSeed, count)
	}
	if count < 1 || count > maxServers {
		return inputError("servers", "%d must be 1 to %d", count, maxServers)
	}
	names := map[string]bool{}
	for i := range c.servers {
		v := &c.servers[i]
		setDefault(&v.Name, fmt.Sprintf("server%02d", i))
		setDefault(&v.Version, c.Version)
		if v.Tpm2IsSupported == nil {
			v.Tpm2IsSupported = &c.Tpm2IsSupported
		}
		if len(v.Nodes) == 0 {
			v.Nodes = make([]nodeSeed, perServer)
		}
		if err := v.check(perNode); err != nil {
			return strict.Below(fmt.Sprintf("servers[%d]", i), err)
		}
		if names[v.Name] {
			return inputError(fmt.Sprintf("servers[%d].name", i), "another server is named %q", v.Name)
		}
		names[v.Name] = true
	}
	return nil
}

func (v *serverSeed) check(perNode int) error {
	if err := checkName("server", v.Name); err != nil {
		return inputError("name", "%s", err.Error())
	}
	if err := checkUUID(v.UUID); err != nil {
		return err
	}
	if _, err := netip.ParseAddr(v.IP); v.IP != "" && err != nil {
		return inputError("ip", "%q is not an IP address", v.IP)
	}
	if len(v.Nodes) > 2 {
		return inputError("nodes", "a server has one or two nodes, not %d", len(v.Nodes))
	}
	for i := range v.Nodes {
		n, at := &v.Nodes[i], fmt.Sprintf("nodes[%d].", i)
		if n.Devices == nil {
			n.Devices = &perNode
		}
		if n.State == "" {
			n.State = NodeActive
		}
		if len(n.FailureDomains) == 0 {
			n.FailureDomains = []string{v.Name}
		}
		switch {
		case checkUUID(n.UUID) != nil:
			return inputError(at+"uuid", "%q is not a UUID", n.UUID)
		case n.State != NodeActive && n.State != NodeInactive && n.State != NodeUnattached:
			return &strict.Error{Path: at + "state",
				Detail: fmt.Sprintf("%q is not a state in which a node can start", n.State),
				Valid:  []string{string(NodeActive), string(NodeInactive), string(NodeUnattached)}}
		case *n.Devices < 1 || *n.Devices > maxDevicesPerNode:
			return inputError(at+"devices", "%d must be 1 to %d", *n.Devices, maxDevicesPerNode)
		}
	}
	return nil
}
