package control

import (
	"errors"
	"fmt"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

type faultList struct {
	World      string         `json:"world"`
	Generation uint64         `json:"generation"` // increases with every change of the rules
	Rules      []fault.Listed `json:"rules"`
}

// faultSet is the body of ReplaceFaults.
type faultSet struct {
	Rules []fault.Rule `json:"rules" required:""`
}

func listFaults(c *Control, r *call) (faultList, error) {
	list := faultList{World: r.world()}
	err := c.Engine.View(r.world(), r.by(), func(tx *store.Tx) error {
		list.Rules, list.Generation = c.Faults.List(tx)
		return nil
	})
	return list, err
}

func createFault(c *Control, r *call, body *fault.Rule) (fault.Listed, error) {
	return changeFaults(c, r, func(tx *store.Tx) (fault.Listed, error) { return c.Faults.Insert(tx, *body) })
}

func putFault(c *Control, r *call, body *fault.Rule) (fault.Listed, error) {
	id := r.param("id")
	if body.ID != "" && body.ID != id {
		return fault.Listed{}, &strict.Error{Path: "id", Valid: []string{id},
			Detail: fmt.Sprintf("%q differs from the id in the path", body.ID)}
	}
	body.ID = id
	return changeFaults(c, r, func(tx *store.Tx) (fault.Listed, error) { return c.Faults.Put(tx, *body) })
}

// replaceFaults replaces all rules, or none if one is invalid.
func replaceFaults(c *Control, r *call, body *faultSet) (faultList, error) {
	if body.Rules == nil {
		return faultList{}, &strict.Error{Path: "rules", Valid: []string{"rules"},
			Detail: "is missing; an empty array deletes all rules"}
	}
	_, err := changeFaults(c, r, func(tx *store.Tx) (api.Empty, error) {
		return api.Empty{}, c.Faults.Replace(tx, body.Rules)
	})
	if err != nil {
		return faultList{}, err
	}
	return listFaults(c, r)
}

func deleteFaults(c *Control, r *call) (faultList, error) {
	return replaceFaults(c, r, &faultSet{Rules: []fault.Rule{}})
}

func getFault(c *Control, r *call) (fault.Listed, error) {
	var rule fault.Listed
	err := c.Engine.View(r.world(), r.by(), func(tx *store.Tx) (err error) {
		rule, err = c.Faults.Get(tx, r.param("id"))
		return absent(err, "fault rule", r.param("id"), fault.IDs(tx))
	})
	return rule, err
}

func deleteFault(c *Control, r *call) (faultList, error) {
	_, err := changeFaults(c, r, func(tx *store.Tx) (api.Empty, error) {
		return api.Empty{}, absent(c.Faults.Delete(tx, r.param("id")), "fault rule", r.param("id"), fault.IDs(tx))
	})
	if err != nil {
		return faultList{}, err
	}
	return listFaults(c, r)
}

// changeFaults changes the world's rules in one transaction. After an error they are unchanged.
func changeFaults[A any](c *Control, r *call, do func(*store.Tx) (A, error)) (result A, err error) {
	err = c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) (err error) {
		result, err = do(tx)
		return err
	})
	if err != nil {
		return result, faultProblem(err)
	}
	return result, c.Faults.SyncVersions(r.world())
}

// faultProblem turns an error about rules and plans into an error of the control surface.
func faultProblem(err error) error {
	var wrong *fault.InvalidError
	var full *fault.FullError
	switch {
	case errors.As(err, &wrong):
		return &strict.Error{Path: wrong.Path, Detail: wrong.Detail, Valid: wrong.Valid}
	case errors.As(err, &full):
		return &Problem{Status: http.StatusTooManyRequests, Detail: full.Error()}
	}
	return err
}
