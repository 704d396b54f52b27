package lightbits

import (
	"errors"
	"net/http"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) connectedHostOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListHosts", Method: http.MethodGet, Path: "/api/v2/connectedHosts",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("hosts", "list"),
			Endpoint: api.Handle(s.listHosts)},
		{Name: "GetHost", Method: http.MethodGet, Path: "/api/v2/connectedHosts/{hostNQN}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("hosts", "get"), Endpoint: api.Handle(s.getHost)},
	}
}

// ConnectedHost is a host that is connected to at least one volume, as the API returns it. The actions connect-host and
// disconnect-host create and delete hosts.
type ConnectedHost struct {
	HostNQN     string   `json:"hostNQN"`
	IPAddress   string   `json:"iPAddress"`
	Hostname    string   `json:"hostname"`
	VolumeUUIDs []string `json:"volumeUUIDs"`
}

// hostsByVolume is the index of hosts by the volumes they are connected to.
const hostsByVolume = "volume"

var hostTable = store.NewTable("lightbits.host", func(h *ConnectedHost) string { return h.HostNQN },
	store.JSON[ConnectedHost](),
	store.Index[ConnectedHost]{Name: hostsByVolume, Keys: func(h *ConnectedHost) []string { return h.VolumeUUIDs }})

type listHostsRequest struct {
	HostNQN    string `json:"hostNQN"`
	VolumeUUID string `json:"volumeUUID"`
}

type listHostsResponse struct {
	ConnectedHosts []*ConnectedHost `json:"connectedHosts"`
}

// listHosts returns all hosts or those connected to a volume, in the order of their NQNs. The error is NotFound for an
// unknown volume. The filter hostNQN is ignored, as its page says (seeds/002
// "Get a list of connected hosts").
func (s *Service) listHosts(tx *store.Tx, _ *api.Request, q *listHostsRequest) (listHostsResponse, error) {
	var response listHostsResponse
	rows := hostTable.All(tx, "", "")
	if q.VolumeUUID != "" {
		if _, err := s.volumes.Find(tx, q.VolumeUUID); errors.Is(err, store.ErrNotFound) {
			return response, refusal.New(refusal.NotFound, "volume UUID %q is not found", q.VolumeUUID)
		} else if err != nil {
			return response, err
		}
		rows = hostTable.By(tx, hostsByVolume, q.VolumeUUID)
	}
	for _, h := range rows {
		if s.dropGone(tx, &h) {
			response.ConnectedHosts = append(response.ConnectedHosts, &h)
		}
	}
	return response, nil
}

type getHostRequest struct {
	HostNQN string `json:"hostNQN"`
}

// getHost: seeds/002 "Get connected host information".
func (s *Service) getHost(tx *store.Tx, _ *api.Request, q *getHostRequest) (ConnectedHost, error) {
	h, err := hostTable.Get(tx, q.HostNQN)
	if errors.Is(err, store.ErrNotFound) || err == nil && !s.dropGone(tx, &h) {
		return ConnectedHost{}, refusal.New(refusal.NotFound, "host NQN %q is not found", q.HostNQN)
	}
	return h, err
}

// dropGone removes deleted volumes from h and reports whether the host still has a volume.
func (s *Service) dropGone(tx *store.Tx, h *ConnectedHost) bool {
	h.VolumeUUIDs = slices.DeleteFunc(h.VolumeUUIDs, func(id string) bool {
		_, err := s.volumes.Find(tx, id)
		return err != nil
	})
	return len(h.VolumeUUIDs) > 0
}
