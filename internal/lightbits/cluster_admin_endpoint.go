package lightbits

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) adminEndpointOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListAdminEndpoints", Method: http.MethodGet, Path: "/api/v2/adminEndpoints",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("adminEndpoints", "list"),
			Endpoint: api.Handle(s.listAdminEndpoints)},
		{Name: "CreateAdminEndpoint", Method: http.MethodPost, Path: "/api/v2/adminEndpoints",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("adminEndpoints", "create"),
			Endpoint: api.Handle(s.createAdminEndpoint)},
		{Name: "GetAdminEndpoint", Method: http.MethodGet, Path: "/api/v2/adminEndpoints/{port}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("adminEndpoints", "get"),
			Endpoint: api.Handle(s.getAdminEndpoint)},
		{Name: "DeleteAdminEndpoint", Method: http.MethodDelete, Path: "/api/v2/adminEndpoints/{port}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 503}, Needs: can("adminEndpoints", "delete"),
			Endpoint: api.Handle(s.deleteAdminEndpoint)},
		{Name: "UpdateAdminEndpoint", Method: http.MethodPut, Path: "/api/v2/adminEndpoints/{port}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 503}, Needs: can("adminEndpoints", "update"),
			Endpoint: api.Handle(s.updateAdminEndpoint)},
	}
}

// AdminEndpoint allows addresses to reach a port of the cluster's servers (facts/lightbits.md 4.15). The simulator has
// no such ports, so an endpoint is only stored and returned (assumption 238). Its state is not shown, so its ETag
// counts only the changes of clients (assumption 239).
type AdminEndpoint struct {
	Port uint32   `json:"port"`
	IPs  []string `json:"ips"`
	ETag string   `json:"ETag"`
}

const maxPort = 65535

func checkPort(port uint32) error {
	if port < 1 || port > maxPort {
		return refusal.New(refusal.InvalidArgument, "port %d is invalid: 1 to %d is expected", port, maxPort)
	}
	return nil
}

// maxAdminIPs is the maximum number of addresses of a port (assumption 238).
const maxAdminIPs = 256

func checkAdminIPs(ips []string) error {
	if len(ips) > maxAdminIPs {
		return refusal.New(refusal.InvalidArgument, "%d ips are given; at most %d are allowed", len(ips), maxAdminIPs)
	}
	seen := make(map[netip.Addr]bool, len(ips))
	for _, text := range ips {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			return refusal.New(refusal.InvalidArgument, "%q in ips is not an IP address", text)
		}
		if seen[ip] {
			return refusal.New(refusal.InvalidArgument, "ips contains %q twice", text)
		}
		seen[ip] = true
	}
	return nil
}

// nextETag returns the ETag after a change.
func nextETag(etag string) string {
	n, _ := strconv.ParseUint(etag, 10, 64) // the service wrote it
	return strconv.FormatUint(n+1, 10)
}

func (s *Service) findAdminEndpoint(tx *store.Tx, port uint32) (statemachine.Row[AdminEndpoint], error) {
	if err := checkPort(port); err != nil {
		return statemachine.Row[AdminEndpoint]{}, err
	}
	row, err := s.adminEndpoints.Get(tx, adminEndpointKey(port))
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "port %d does not have a corresponding endpoint", port)
	}
	return row, err
}

type listAdminEndpointsRequest struct {
	Port *uint32 `json:"port"`
}

type listAdminEndpointsResponse struct {
	AdminEndpoints []*AdminEndpoint `json:"adminEndpoints"`
}

// listAdminEndpoints: seeds/002 "List admin endpoints", in the order of ports. The list is empty for a port without an
// endpoint.
func (s *Service) listAdminEndpoints(tx *store.Tx, _ *api.Request, q *listAdminEndpointsRequest) (
	listAdminEndpointsResponse, error) {
	var response listAdminEndpointsResponse
	if q.Port != nil {
		if err := checkPort(*q.Port); err != nil {
			return response, err
		}
	}
	for _, row := range s.adminEndpoints.Table().All(tx, "", "") {
		if q.Port != nil && row.Body.Port != *q.Port {
			continue
		}
		s.adminEndpoints.Observed(tx, &row)
		response.AdminEndpoints = append(response.AdminEndpoints, &row.Body)
	}
	return response, nil
}

type adminEndpointRequest struct {
	Port uint32 `json:"port"`
}

// getAdminEndpoint: seeds/002 "Get admin endpoint".
func (s *Service) getAdminEndpoint(tx *store.Tx, _ *api.Request, q *adminEndpointRequest) (AdminEndpoint, error) {
	row, err := s.findAdminEndpoint(tx, q.Port)
	if err != nil {
		return AdminEndpoint{}, err
	}
	s.adminEndpoints.Observed(tx, &row)
	return row.Body, nil
}

type adminEndpointIPsRequest struct {
	Port uint32   `json:"port" required:"port 0 is invalid: 1 to 65535 is expected"`
	IPs  []string `json:"ips" required:"the mandatory argument {path} is missing: the addresses that may reach the port"`
}

// createAdminEndpoint: seeds/002 "Create admin endpoint". A port has at most one endpoint; it is taken until the
// deletion is complete.
func (s *Service) createAdminEndpoint(tx *store.Tx, _ *api.Request, q *adminEndpointIPsRequest) (AdminEndpoint, error) {
	if err := checkPort(q.Port); err != nil {
		return AdminEndpoint{}, err
	}
	if err := checkAdminIPs(q.IPs); err != nil {
		return AdminEndpoint{}, err
	}
	row, err := s.adminEndpoints.Create(tx, AdminEndpoint{Port: q.Port, IPs: q.IPs}, adminEndpointCreating)
	if errors.Is(err, store.ErrExists) {
		return AdminEndpoint{}, refusal.New(refusal.AlreadyExists, "port %d already exists", q.Port)
	}
	return row.Body, err
}

// updateAdminEndpoint: seeds/002 "Update admin endpoint". The addresses replace the old ones.
func (s *Service) updateAdminEndpoint(tx *store.Tx, r *api.Request, q *adminEndpointIPsRequest) (AdminEndpoint, error) {
	row, err := s.changeable(tx, r, q.Port)
	if err != nil {
		return AdminEndpoint{}, err
	}
	if err := checkAdminIPs(q.IPs); err != nil {
		return AdminEndpoint{}, err
	}
	row.Body.IPs, row.Body.ETag = q.IPs, nextETag(row.Body.ETag)
	err = s.adminEndpoints.Fire(tx, &row, "update")
	return row.Body, err
}

// deleteAdminEndpoint: seeds/002 "Delete admin endpoint".
func (s *Service) deleteAdminEndpoint(tx *store.Tx, r *api.Request, q *adminEndpointRequest) (api.Empty, error) {
	row, err := s.changeable(tx, r, q.Port)
	if err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.adminEndpoints.Fire(tx, &row, "delete")
}

// changeable returns the endpoint of a port if its state and the request's If-Match allow a change now.
func (s *Service) changeable(tx *store.Tx, r *api.Request, port uint32) (statemachine.Row[AdminEndpoint], error) {
	row, err := s.findAdminEndpoint(tx, port)
	if err != nil {
		return row, err
	}
	if err := s.adminEndpoints.Refuse(r.Operation.Name, &row); err != nil {
		return row, err
	}
	return row, r.IfMatch(row.Body.ETag, row.Life.By)
}
