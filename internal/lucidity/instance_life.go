package lucidity

import (
	"storagesim/internal/statemachine"
)

// instanceMachine is the machine of an instance. No timer changes its state.
func instanceMachine() *statemachine.Machine[Instance] {
	return statemachine.Define(statemachine.Machine[Instance]{
		Kind: "lucidity.instance", Initial: []statemachine.State{InstanceManaged, InstanceUnmanaged},
		Key:  func(i *Instance) string { return i.key() },
		ID:   func(i *Instance) string { return i.ID },
		Name: func(i *Instance) string { return i.InstanceID },
		Rules: []statemachine.Rule[Instance]{
			{From: []statemachine.State{InstanceUnmanaged}, On: "manage", To: InstanceManaged},
			{From: []statemachine.State{InstanceManaged}, On: "unmanage", To: InstanceUnmanaged},
		},
	})
}
