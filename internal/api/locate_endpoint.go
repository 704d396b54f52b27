package api

import (
	"net"
	"net/netip"
	"strings"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// ClusterAt returns the partition of the cluster that the sender of the request reaches at host:port, or "" if that is
// not an address of the simulator. Such an address has the port to which the request was sent, and its host is that of
// the request, a loopback address if the request was sent to one, or a name that selects a cluster: west.t1.localhost
// in the world t1, or west.localhost unless there is a world west. A name without a cluster selects the default one.
func (r *Request) ClusterAt(tx *store.Tx, endpoint string) string {
	host, port, err := net.SplitHostPort(endpoint)
	own, ownPort := r.address()
	if err != nil || port != ownPort {
		return ""
	}
	domains := []string{localhost}
	if d := strings.Trim(HostDomain(r.HTTP), "."); d != "" {
		domains = append(domains, hostName(d))
	}
	for _, domain := range domains {
		if place := hostPlace(host, domain); place.World != "" {
			return clusterNamed(tx, place)
		}
	}
	if !strings.EqualFold(host, own) && !(loopback(host) && loopback(own)) {
		return ""
	}
	if cluster := ListenerPlace(r.HTTP.Context()).Cluster; cluster != "" {
		return cluster
	}
	return statemachine.DefaultPartition(tx)
}

// clusterNamed returns the partition of the cluster that a host name selects, or "" if it is in another world.
func clusterNamed(tx *store.Tx, place Place) string {
	cluster := place.Cluster
	switch {
	case place.World == tx.World() && cluster == "":
		return statemachine.DefaultPartition(tx)
	case place.World != tx.World() && cluster == "":
		cluster = place.World
	case place.World != tx.World():
		return ""
	}
	if !statemachine.HasPartition(tx, cluster) {
		return ""
	}
	return cluster
}

// address returns host and port of the request's Host.
func (r *Request) address() (host, port string) {
	if host, port, err := net.SplitHostPort(r.HTTP.Host); err == nil {
		return host, port
	}
	if r.HTTP.TLS != nil {
		return strings.Trim(r.HTTP.Host, "[]"), "443"
	}
	return strings.Trim(r.HTTP.Host, "[]"), "80"
}

// hostName returns a host without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// loopback reports whether a host is this machine: localhost, a name below it, or a loopback address.
func loopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == localhost || strings.HasSuffix(host, "."+localhost) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
