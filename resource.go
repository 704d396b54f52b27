package storagesim

import (
	"net/http"
	"net/url"

	"storagesim/internal/api"
)

// Resource is something in a world that has a state.
type Resource struct {
	w                 *World
	kind, id, cluster string
}

// Resource returns a resource of a kind, such as "lucidity.tenant", by its ID or by a name that only one of the kind
// has. GET /_sim/machines lists the kinds.
func (w *World) Resource(kind, id string) Resource { return Resource{w: w, kind: kind, id: id} }

// Volume returns a Lightbits volume by its UUID or name. If two clusters have one of that name, Cluster says which.
func (w *World) Volume(id string) Resource { return w.Resource("lightbits.volume", id) }

// Node returns a Lightbits node of the default cluster by its UUID or name.
func (w *World) Node(id string) Node { return w.Cluster("").Node(id) }

// Device returns an NVMe device of the default cluster by its serial.
func (w *World) Device(serial string) Device { return w.Cluster("").Device(serial) }

// State returns the state of the resource.
func (r Resource) State() string {
	r.w.tb.Helper()
	var got struct{ State string }
	r.w.must(http.MethodGet, r.path(""), nil, &got)
	return got.State
}

// Fire fires an event of the resource's state machine, such as "fail". It ends the test if the resource does not accept
// the event in its state.
func (r Resource) Fire(event string) {
	r.w.tb.Helper()
	r.w.must(http.MethodPost, r.path("/events"), map[string]string{"event": event}, nil)
}

// path returns the path of a control call about the resource. It ends the test if the resource has no ID.
func (r Resource) path(call string) string {
	r.w.tb.Helper()
	if r.id == "" {
		r.w.tb.Fatalf("storagesim: a %s needs an ID or a name, not \"\"", r.kind)
	}
	path := "/_sim/resources/" + url.PathEscape(r.kind) + "/" + url.PathEscape(r.id) + call
	if r.cluster != "" {
		path += "?cluster=" + url.QueryEscape(r.cluster)
	}
	return path
}

// inCluster returns the header that selects a cluster; none for the default one.
func inCluster(name string) []string {
	if name == "" {
		return nil
	}
	return []string{api.HeaderCluster, name}
}

// Do performs a physical action, such as "lightbits/write-volume", and returns what it says of the result. GET
// /_sim/actions lists the actions with their parameters.
func (w *World) Do(action string, parameters map[string]any) map[string]any {
	w.tb.Helper()
	return w.act(action, parameters)
}

func (w *World) act(action string, parameters map[string]any, header ...string) map[string]any {
	w.tb.Helper()
	if parameters == nil {
		parameters = map[string]any{}
	}
	var result map[string]any
	w.must(http.MethodPost, "/_sim/actions/"+action, parameters, &result, header...)
	return result
}

// Cluster is a Lightbits cluster.
type Cluster struct {
	w    *World
	name string
}

// Cluster returns a Lightbits cluster by its name; "" is the default one.
func (w *World) Cluster(name string) Cluster { return Cluster{w, name} }

// Partition cuts the cluster off from everyone, until Heal.
func (c Cluster) Partition() {
	c.w.tb.Helper()
	c.act("partition-cluster", map[string]any{"unreachable": true})
}

// Heal ends a Partition.
func (c Cluster) Heal() {
	c.w.tb.Helper()
	c.act("partition-cluster", map[string]any{"unreachable": false})
}

// Fill lets hosts write until each node uses the share of its storage, 1 to 100 percent.
func (c Cluster) Fill(percent int) {
	c.w.tb.Helper()
	c.act("fill-cluster", map[string]any{"percent": percent})
}

// Volume returns a volume of the cluster by its UUID or name.
func (c Cluster) Volume(id string) Resource { return c.resource("lightbits.volume", id) }

// Node returns a node of the cluster by its UUID or name.
func (c Cluster) Node(id string) Node { return Node{c.resource("lightbits.node", id), c} }

// Device returns an NVMe device of the cluster by its serial.
func (c Cluster) Device(serial string) Device {
	return Device{c.resource("lightbits.nvmeDevice", serial), c}
}

func (c Cluster) resource(kind, id string) Resource {
	return Resource{w: c.w, kind: kind, id: id, cluster: c.name}
}

func (c Cluster) act(action string, parameters map[string]any) {
	c.w.tb.Helper()
	c.w.act("lightbits/"+action, parameters, inCluster(c.name)...)
}

// Node is a Lightbits node.
type Node struct {
	Resource
	in Cluster
}

// Fail makes the node fail: its replicas are unavailable.
func (n Node) Fail() {
	n.w.tb.Helper()
	n.in.act("fail-node", map[string]any{"node": n.id})
}

// Recover powers a failed node up. Then its volumes are rebuilt.
func (n Node) Recover() {
	n.w.tb.Helper()
	n.in.act("recover-node", map[string]any{"node": n.id})
}

// Device is an NVMe device.
type Device struct {
	Resource
	in Cluster
}

// Fail makes the device fail: its node rebuilds the data, or goes down.
func (d Device) Fail() { d.w.tb.Helper(); d.act("fail-device") }

// Pull pulls the device out of its server.
func (d Device) Pull() { d.w.tb.Helper(); d.act("pull-device") }

// Insert puts a pulled device back into its server.
func (d Device) Insert() { d.w.tb.Helper(); d.act("insert-device") }

func (d Device) act(action string) {
	d.w.tb.Helper()
	d.in.act(action, map[string]any{"serial": d.id})
}
