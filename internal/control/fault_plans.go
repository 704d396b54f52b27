package control

import (
	"storagesim/internal/fault"
	"storagesim/internal/store"
)

func createFaultPlan(c *Control, r *call, body *fault.Plan) (fault.PlanState, error) {
	var plan fault.PlanState
	err := c.Engine.Update(r.world(), r.by(), func(tx *store.Tx) (err error) {
		plan, err = c.Faults.CreatePlan(tx, *body)
		return faultProblem(err)
	})
	return plan, err
}

func getFaultPlan(c *Control, r *call) (fault.PlanState, error) {
	var plan fault.PlanState
	err := c.Engine.View(r.world(), r.by(), func(tx *store.Tx) (err error) {
		plan, err = fault.GetPlan(tx, r.param("id"))
		return absent(err, "fault plan", r.param("id"), fault.PlanIDs(tx))
	})
	return plan, err
}
