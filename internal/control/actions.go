package control

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"storagesim/internal/api"
	"storagesim/internal/nearest"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type actionList struct {
	Actions []api.Action `json:"actions"`
}

func listActions(c *Control, _ *call) (actionList, error) {
	list := actionList{Actions: []api.Action{}}
	for i := range c.Vendors {
		list.Actions = append(list.Actions, c.Vendors[i].Actions...)
	}
	return list, nil
}

func doAction(c *Control, r *call) (reply[map[string]any], error) {
	v, action, err := c.action(r.param("vendor"), r.param("action"))
	if err != nil {
		return reply[map[string]any]{}, err
	}
	params, err := r.body()
	if err != nil {
		return reply[map[string]any]{}, err
	}
	var changed any
	err = c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) error {
		tx, err := r.enter(tx, v)
		if err != nil {
			return err
		}
		changed, err = action.Run(tx, params)
		return err
	})
	if changed == nil {
		changed = api.Empty{}
	}
	return reply[map[string]any]{value: changed}, err
}

func (c *Control) action(vendor, name string) (*api.Vendor, *api.Action, error) {
	var valid []string
	for i := range c.Vendors {
		v := &c.Vendors[i]
		for k := range v.Actions {
			a := &v.Actions[k]
			if v.Service.Vendor == vendor && a.Name == name {
				return v, a, nil
			}
			valid = append(valid, v.Service.Vendor+"/"+a.Name)
		}
	}
	return nil, nil, &Problem{Status: http.StatusNotFound, Valid: nearest.To(vendor+"/"+name, valid),
		Detail: fmt.Sprintf("unknown action %s/%s%s; GET /_sim/actions lists all", vendor, name,
			nearest.Hint(vendor+"/"+name, valid))}
}

// enter returns the transaction in the scope that an operation of the vendor has: the request's cluster, or the default
// one if the request names none.
func (r *call) enter(tx *store.Tx, v *api.Vendor) (*store.Tx, error) {
	if !v.Service.Clustered {
		return tx, nil
	}
	name := r.place.Cluster
	if name == "" {
		name = statemachine.DefaultPartition(tx)
	}
	if !statemachine.HasPartition(tx, name) {
		return nil, noCluster(tx, name)
	}
	return tx.In(name), nil
}

type tokenBody struct {
	Vendor string `json:"vendor" doc:"The vendor whose API takes the token." example:"lightbits" required:""`
	Role   string `json:"role" doc:"The vendor's name of the role. Without it, the most powerful one." example:"system:viewer"`
	TTL    string `json:"ttl" doc:"The validity on the world's clock, as a Go duration. Without it, the vendor's." example:"1h"`
}

func createToken(c *Control, r *call, body *tokenBody) (map[string]string, error) {
	v, err := c.vendor(body.Vendor)
	if err != nil {
		return nil, err
	}
	if v.Minter == nil {
		return nil, &Problem{Status: http.StatusBadRequest, Detail: "vendor: " + body.Vendor + " has no tokens",
			Valid: c.minters()}
	}
	q := api.TokenRequest{Vendor: body.Vendor, Role: body.Role}
	if body.TTL != "" {
		if q.TTL, err = duration("ttl", body.TTL); err != nil {
			return nil, err
		}
	}
	var signing api.Signing
	err = c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) error {
		if name := r.place.Cluster; name != "" {
			if !statemachine.HasPartition(tx, name) {
				return noCluster(tx, name)
			}
			tx = tx.In(name)
		}
		signing, err = v.Minter(tx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return signing()
}

func (c *Control) minters() []string {
	var names []string
	for i := range c.Vendors {
		if c.Vendors[i].Minter != nil {
			names = append(names, c.Vendors[i].Service.Vendor)
		}
	}
	return names
}

// mintAll mints a token of each vendor for the transaction's world, with the vendor's most powerful role.
func (c *Control) mintAll(tx *store.Tx) (map[string]api.Signing, error) {
	minted := map[string]api.Signing{}
	for i := range c.Vendors {
		v := &c.Vendors[i]
		if v.Minter == nil {
			continue
		}
		signing, err := v.Minter(tx, api.TokenRequest{Vendor: v.Service.Vendor})
		if err != nil {
			return nil, fmt.Errorf("token of %s: %w", v.Service.Vendor, err)
		}
		minted[v.Service.Vendor] = signing
	}
	return minted, nil
}

// signAll starts signing all tokens in parallel. The function that it returns waits for the signed tokens, by vendor.
func signAll(minted map[string]api.Signing) api.Signing {
	vendors := slices.Collect(maps.Keys(minted))
	signed, errs := make([]map[string]string, len(vendors)), make([]error, len(vendors))
	var wg sync.WaitGroup
	for i, vendor := range vendors {
		wg.Go(func() { signed[i], errs[i] = minted[vendor]() })
	}
	return func() (map[string]string, error) {
		wg.Wait()
		tokens := make(map[string]string, len(vendors))
		for i, vendor := range vendors {
			tokens[vendor] = signed[i]["token"]
		}
		return tokens, errors.Join(errs...)
	}
}
