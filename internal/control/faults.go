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
	Generation uint64         `json:"generation"` // changes with every change of the set
	Rules      []fault.Listed `json:"rules"`
}

// faultSet is a whole set as it is written.
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
		return fault.Listed{}, &strict.Error{Path: "id", Detail: fmt.Sprintf("%q is not the id on the path", body.ID), Valid: []string{id}}
	}
	body.ID = id
	return changeFaults(c, r, func(tx *store.Tx) (fault.Listed, error) { return c.Faults.Put(tx, *body) })
}

// replaceFaults puts the whole set in place of what there is, or nothing of it.
func replaceFaults(c *Control, r *call, body *faultSet) (faultList, error) {
	if body.Rules == nil {
		return faultList{}, &strict.Error{Path: "rules", Detail: "is missing; an empty array removes all rules", Valid: []string{"rules"}}
	}
	_, err := changeFaults(c, r, func(tx *store.Tx) (api.Empty, error) { return api.Empty{}, c.Faults.Replace(tx, body.Rules) })
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
		return faultProblem(err, fault.IDs(tx))
	})
	return rule, err
}

func deleteFault(c *Control, r *call) (faultList, error) {
	_, err := changeFaults(c, r, func(tx *store.Tx) (api.Empty, error) {
		return api.Empty{}, faultProblem(c.Faults.Delete(tx, r.param("id")), fault.IDs(tx))
	})
	if err != nil {
		return faultList{}, err
	}
	return listFaults(c, r)
}

// changeFaults changes the world's rules in a transaction; an error leaves them as they were.
func changeFaults[A any](c *Control, r *call, do func(*store.Tx) (A, error)) (result A, err error) {
	err = c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) (err error) {
		result, err = do(tx)
		return err
	})
	if err != nil {
		return result, faultProblem(err, nil)
	}
	return result, c.Faults.SyncVersions(r.world())
}

// faultProblem says an error about rules and plans in the words of this surface; known are the ids that there are.
func faultProblem(err error, known []string) error {
	var wrong *fault.InvalidError
	switch {
	case errors.As(err, &wrong):
		return &strict.Error{Path: wrong.Path, Detail: wrong.Detail, Valid: wrong.Valid}
	case errors.Is(err, store.ErrNotFound):
		return &Problem{Status: http.StatusNotFound, Detail: err.Error(), Valid: known}
	}
	return err
}
