package simtest

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/simulator"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
	"storagesim/internal/wire"
)

// ToyVendor replaces the product's vendors with a small one, for tests of the parts that all vendors share. It has
// lamps in the clusters north and south. A lamp is Made for some time before it becomes Lit. Its fixture is empty.
func ToyVendor(c *simulator.Config) { c.Vendors = []api.Vendor{lampVendor()} }

// Lamp is the only resource of the toy vendor.
type Lamp struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"state"`
}

func lampMachine() *statemachine.Machine[Lamp] {
	return statemachine.Define(statemachine.Machine[Lamp]{
		Kind: "lamps.lamp", Initial: []statemachine.State{"Made", "Lit"}, Zero: wire.OmitZero,
		Rules: []statemachine.Rule[Lamp]{
			{From: []statemachine.State{"Made"}, On: "light", To: "Lit", After: "light"},
			{From: []statemachine.State{"Made", "Lit"}, On: "break", To: "Broken"},
			{From: []statemachine.State{"Lit", "Broken"}, On: "remove", To: "Removed"},
			{From: []statemachine.State{"Removed"}, On: "done", To: statemachine.Gone, After: "remove"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"light": {Fast: "300ms", Realistic: "5m"}, "remove": {Fast: "1s", Realistic: "1m"},
		},
		Key: func(l *Lamp) string { return l.ID }, Name: func(l *Lamp) string { return l.Name },
		Mirror: func(l *Lamp, life statemachine.Life) { l.State = string(life.State) },
	})
}

func lampVendor() api.Vendor {
	m := lampMachine()
	return api.Vendor{
		Service: api.Service{
			Vendor: "lamps", Operations: lampOperations(m), Dialect: lampDialect{}, Clustered: true,
			Owns: func(path string) bool { return strings.HasPrefix(path, "/lamps") },
		},
		Machines: []statemachine.Lifecycle{m},
		Actions: []api.Action{
			api.Do("lamps", "storm", "breaks a lamp", func(tx *store.Tx, p *struct {
				Lamp string `json:"lamp" doc:"the lamp's id"`
			}) (any, error) {
				row, err := m.Find(tx, p.Lamp)
				if err != nil {
					return nil, err
				}
				err = m.Fire(tx, &row, "break")
				return row.Body, err
			}),
		},
		Minter: mintLampToken,
		Seed: func(tx *store.Tx, section []byte) error {
			var s struct {
				Lamps []struct {
					Name string `json:"name"`
				} `json:"lamps"`
			}
			if err := strict.Decode(section, &s); err != nil {
				return err
			}
			for _, name := range []string{"north", "south"} {
				if err := statemachine.AddPartition(tx, name); err != nil {
					return err
				}
			}
			for _, l := range s.Lamps {
				if _, err := m.Create(tx.In("north"), Lamp{ID: tx.NewUUID().String(), Name: l.Name}, "Lit"); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func mintLampToken(tx *store.Tx, q api.TokenRequest) (api.Signing, error) {
	roles := []string{"keeper", "guest"}
	if q.Role != "" && !slices.Contains(roles, q.Role) {
		return nil, &strict.Error{Path: "role", Detail: "is not a role", Valid: roles}
	}
	return api.Unsigned(map[string]string{"token": api.OpaquePrefix + tx.World() + "." + q.Role + q.TTL.String()}), nil
}

type lampRequest struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func lampOperations(m *statemachine.Machine[Lamp]) []api.Operation {
	create := func(tx *store.Tx, _ *api.Request, q *lampRequest) (Lamp, error) {
		row, err := m.Create(tx, Lamp{ID: tx.NewUUID().String(), Name: q.Name}, "Made")
		return row.Body, err
	}
	find := func(tx *store.Tx, r *api.Request, _ *lampRequest) (Lamp, error) {
		row, err := m.Get(tx, r.Param("id"))
		if errors.Is(err, store.ErrNotFound) {
			return row.Body, refusal.New(refusal.NotFound, "no such lamp")
		}
		m.Observed(tx, &row)
		return row.Body, err
	}
	list := func(tx *store.Tx, _ *api.Request, _ *lampRequest) ([]Lamp, error) {
		all := []Lamp{}
		for _, row := range m.Table().All(tx, "", "") {
			all = append(all, row.Body)
		}
		return all, nil
	}
	return []api.Operation{
		{
			Vendor: "lamps", Name: "CreateLamp", Method: http.MethodPost, Path: "/lamps", Statuses: []int{200, 400, 503},
			Endpoint: api.Handle(create),
		},
		{
			Vendor: "lamps", Name: "ListLamps", Method: http.MethodGet, Path: "/lamps", Statuses: []int{200},
			Endpoint: api.Handle(list),
		},
		{
			Vendor: "lamps", Name: "GetLamp", Method: http.MethodGet, Path: "/lamps/{id}", Also: []string{"/lights/{id}"},
			Statuses: []int{200, 404}, Endpoint: api.Handle(find),
		},
		{
			Vendor: "lamps", Name: "PolishLamp", Method: http.MethodPost, Path: "/lamps/{id}/polish", Statuses: []int{200},
			Extra: true,
		},
	}
}

// lampDialect is plain JSON.
type lampDialect struct{}

func (lampDialect) Bind(r *api.Request, request any) error {
	if len(r.Body()) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Body(), request); err != nil {
		return refusal.New(refusal.InvalidArgument, "%v", err)
	}
	return nil
}

func (lampDialect) Respond(_ *api.Request, v any, dst []byte) (api.Response, error) {
	body, err := json.Marshal(v)
	return api.Response{Status: http.StatusOK, ContentType: "application/json", Body: append(dst, body...)}, err
}

func (lampDialect) Refuse(_ *api.Request, e *refusal.Error) api.Response {
	status := http.StatusInternalServerError
	if e.Status != 0 {
		return lampError(e.Status, e.Message)
	}
	switch e.Kind {
	case refusal.InvalidArgument:
		status = http.StatusBadRequest
	case refusal.NotFound:
		status = http.StatusNotFound
	case refusal.Unavailable:
		status = http.StatusServiceUnavailable
	default:
	}
	return lampError(status, e.Message)
}

func lampError(status int, message string) api.Response {
	body, _ := json.Marshal(map[string]string{"error": message}) // strings always marshal
	return api.Response{Status: status, ContentType: "application/json", Body: body}
}

func (lampDialect) NoRoute(*api.Request) api.Response {
	return lampError(http.StatusNotFound, "no such path")
}

func (lampDialect) NoMethod(*api.Request, []string) api.Response {
	return lampError(http.StatusMethodNotAllowed, "no such method")
}

func (lampDialect) Kind(status int) refusal.Kind { return api.KindOf(status) }
