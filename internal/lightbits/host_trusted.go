package lightbits

import (
	"errors"
	"net/http"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) trustedHostOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListTrustedHosts", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/trustedHosts",
			Also:     []string{"/api/v2/hosts"},
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "list"),
			Endpoint: api.Handle(s.listTrustedHosts)},
		{Name: "GetTrustedHostSecret", Method: http.MethodGet,
			Path:     "/api/v2/projects/{projectName}/trustedHostSecrets/{name}",
			Statuses: []int{200, 400, 401, 404}, Needs: can("trustedHostSecrets", "get"),
			Endpoint: api.Handle(s.getTrustedHostSecret)},
		{Name: "SetTrustedHostSecret", Method: http.MethodPut,
			Path:     "/api/v2/projects/{projectName}/trustedHostSecrets/{name}",
			Statuses: []int{200, 400, 401, 404}, Needs: can("trustedHostSecrets", "update"),
			Endpoint: api.Handle(s.setTrustedHostSecret)},
		{Name: "CreateTrustedHost", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/trustedHosts",
			Statuses: []int{200, 400, 401, 403, 409}, Needs: can("trustedHosts", "create"),
			Endpoint: api.Handle(s.createTrustedHost)},
		{Name: "GetTrustedHost", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/trustedHosts/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "get"),
			Endpoint: api.Handle(s.getTrustedHost)},
		{Name: "DeleteTrustedHost", Method: http.MethodDelete,
			Path:     "/api/v2/projects/{projectName}/trustedHosts/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "delete"),
			Endpoint: api.Handle(s.deleteTrustedHost)},
		{Name: "UpdateTrustedHost", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/trustedHosts/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("trustedHosts", "update"),
			Endpoint: api.Handle(s.updateTrustedHost)},
	}
}

// TrustedHost is a host that may connect while in-band authentication is enabled, as the API returns it (spec message
// TrustedHost).
type TrustedHost struct {
	Name         string   `json:"name"`
	ProjectName  string   `json:"projectName"`
	UUID         string   `json:"UUID"`
	HostNqn      string   `json:"hostNqn"`
	Labels       []*Label `json:"labels"`
	AuthRequired string   `json:"authRequired"` // "true" or "false"
}

// trustedHostRow is a trusted host with its secrets, which only GetTrustedHostSecret returns.
type trustedHostRow struct {
	TrustedHost
	Secrets hostSecrets `json:"secrets"`
}

func trustedHostKey(project, name string) string { return project + "/" + name }

// byNQN is the index of trusted hosts by scopedKey of project and NQN.
const byNQN = "nqn"

var trustedHosts = store.NewTable("lightbits.trustedhost",
	func(h *trustedHostRow) string { return trustedHostKey(h.ProjectName, h.Name) }, store.JSON[trustedHostRow](),
	store.Index[trustedHostRow]{Name: byNQN, Unique: true, Keys: func(h *trustedHostRow) []string {
		return []string{scopedKey(h.ProjectName, h.HostNqn)}
	}})

// deleteTrustedHostsOf deletes all trusted hosts of a project.
func deleteTrustedHostsOf(tx *store.Tx, project string) error {
	for key := range trustedHosts.Scan(tx, trustedHostKey(project, ""), "") {
		if err := trustedHosts.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

type listTrustedHostsRequest struct {
	ProjectName string `json:"projectName"`
	OffsetUUID  string `json:"offsetUUID"`
	Limit       int64  `json:"limit"`
}

type listTrustedHostsResponse struct {
	Hosts []*TrustedHost `json:"hosts"`
}

// listTrustedHosts: seeds/002 "Return a list of trusted hosts configurations", in the order of project and name; those
// of all projects if no project is given. OffsetUUID and limit are ignored, since the page says that they are not
// supported.
func (s *Service) listTrustedHosts(tx *store.Tx, r *api.Request, q *listTrustedHostsRequest) (listTrustedHostsResponse,
	error) {
	var response listTrustedHostsResponse
	if err := s.inProject(tx, r, q.ProjectName, "trustedHosts", "list"); err != nil {
		return response, err
	}
	prefix := ""
	if q.ProjectName != "" {
		prefix = trustedHostKey(q.ProjectName, "")
	}
	for _, row := range trustedHosts.All(tx, prefix, "") {
		response.Hosts = append(response.Hosts, &row.TrustedHost)
	}
	return response, nil
}

type trustedHostBody struct {
	Name         string   `json:"name"`
	ProjectName  string   `json:"projectName"`
	HostNqn      string   `json:"hostNqn"`
	Labels       []*Label `json:"labels"`
	AuthRequired string   `json:"authRequired"`
}

type createTrustedHostRequest struct {
	Name         string   `json:"name" required:"the trusted host name is missing"`
	ProjectName  string   `json:"projectName"`
	HostNqn      string   `json:"hostNqn" required:"{path} is missing"`
	Labels       []*Label `json:"labels"`
	AuthRequired string   `json:"authRequired"`
}

// createTrustedHost: seeds/002 "Create a trusted host resource". The error is AlreadyExists if the project has a
// trusted host with that name or NQN (assumption 210).
func (s *Service) createTrustedHost(tx *store.Tx, r *api.Request, q *createTrustedHostRequest) (TrustedHost, error) {
	if err := s.namedProject(tx, r, q.ProjectName, "trustedHosts", "create"); err != nil {
		return TrustedHost{}, err
	}
	if err := s.inBandAllowed(tx); err != nil {
		return TrustedHost{}, err
	}
	if err := checkName("trusted host", q.Name); err != nil {
		return TrustedHost{}, err
	}
	if err := checkNQN(q.HostNqn); err != nil {
		return TrustedHost{}, err
	}
	h := TrustedHost{Name: q.Name, ProjectName: q.ProjectName, HostNqn: q.HostNqn}
	if err := h.apply((*trustedHostBody)(q)); err != nil {
		return TrustedHost{}, err
	}
	if trustedHosts.Has(tx, trustedHostKey(h.ProjectName, h.Name)) {
		return TrustedHost{}, refusal.New(refusal.AlreadyExists, "trusted host %q already exists in project %q", h.Name,
			h.ProjectName)
	}
	h.UUID = tx.NewUUID().String()
	err := trustedHosts.Insert(tx, &trustedHostRow{TrustedHost: h})
	if errors.Is(err, store.ErrExists) {
		return h, refusal.New(refusal.AlreadyExists, "another trusted host of project %q has the hostNqn %q",
			h.ProjectName, h.HostNqn)
	}
	return h, err
}

// checkNQN refuses an invalid NVMe qualified name.
func checkNQN(nqn string) error {
	if len(nqn) > maxNQN || !strings.HasPrefix(nqn, "nqn.") || strings.ContainsAny(nqn, " \t\r\n") {
		return refusal.New(refusal.InvalidArgument,
			`hostNqn %q is not an NVMe qualified name: at most %d bytes beginning with "nqn." are expected`, nqn,
			maxNQN)
	}
	return nil
}

// apply sets the labels and authRequired that a request has. AuthRequired is "true" by default.
func (h *TrustedHost) apply(q *trustedHostBody) error {
	if len(q.Labels) > 0 {
		labels, err := parseLabels(q.Labels)
		if err != nil {
			return err
		}
		h.Labels = labels
	}
	switch text := strings.ToLower(q.AuthRequired); {
	case text == "true" || text == "false":
		h.AuthRequired = text
	case text != "":
		return refusal.New(refusal.InvalidArgument, `authRequired %q must be "true" or "false"`, q.AuthRequired)
	case h.AuthRequired == "":
		h.AuthRequired = "true"
	}
	return nil
}

type trustedHostRequest struct {
	Name        string `json:"name"`
	ProjectName string `json:"projectName"`
}

// findTrustedHost returns the trusted host of a project. The error is NotFound for an unknown project or name.
func (s *Service) findTrustedHost(tx *store.Tx, r *api.Request, project, name, action string) (trustedHostRow, error) {
	if err := s.namedProject(tx, r, project, "trustedHosts", action); err != nil {
		return trustedHostRow{}, err
	}
	if name == "" {
		return trustedHostRow{}, refusal.New(refusal.InvalidArgument, "the trusted host name is missing")
	}
	row, err := trustedHosts.Get(tx, trustedHostKey(project, name))
	if errors.Is(err, store.ErrNotFound) {
		err = refusal.New(refusal.NotFound, "project %q has no trusted host %q", project, name)
	}
	return row, err
}

// getTrustedHost: seeds/002 "Get a host".
func (s *Service) getTrustedHost(tx *store.Tx, r *api.Request, q *trustedHostRequest) (TrustedHost, error) {
	row, err := s.findTrustedHost(tx, r, q.ProjectName, q.Name, "get")
	return row.TrustedHost, err
}

// deleteTrustedHost: seeds/002 "Delete a trusted host". The host stays connected to its volumes (assumption 209).
func (s *Service) deleteTrustedHost(tx *store.Tx, r *api.Request, q *trustedHostRequest) (api.Empty, error) {
	var none api.Empty
	if _, err := s.findTrustedHost(tx, r, q.ProjectName, q.Name, "delete"); err != nil {
		return none, err
	}
	return none, trustedHosts.Delete(tx, trustedHostKey(q.ProjectName, q.Name))
}

// updateTrustedHost: seeds/002 "Update a host". Omitted members stay as they are. A different NQN is InvalidArgument,
// since it cannot be updated.
func (s *Service) updateTrustedHost(tx *store.Tx, r *api.Request, q *trustedHostBody) (TrustedHost, error) {
	row, err := s.findTrustedHost(tx, r, q.ProjectName, q.Name, "update")
	if err != nil {
		return TrustedHost{}, err
	}
	if q.HostNqn != "" && q.HostNqn != row.HostNqn {
		return TrustedHost{}, refusal.New(refusal.InvalidArgument,
			"hostNqn of trusted host %q is %q; it cannot be updated: delete the trusted host and create it again",
			row.Name, row.HostNqn)
	}
	if err := row.apply(q); err != nil {
		return TrustedHost{}, err
	}
	return row.TrustedHost, trustedHosts.Put(tx, &row)
}
