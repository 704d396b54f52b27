package dms

import "storagesim/internal/api"

// examples returns requests that succeed in a world on the fixture small, or after the examples that make what they
// name. The IDs are those of a world with the seed 1.
func examples() map[string]api.Example {
	const source = `"src":{"snapId":"6bceb860-3e2f-46f9-9157-facdebbcb424","projectName":"default",` +
		`"clusterId":"b26af638-6b27-43f7-a991-9ddbb73cb04e"}`
	return map[string]api.Example{
		"AttachCluster": {Body: `{"apiEndpoint":"10.1.0.10:443"}`},
		"DetachCluster": {Path: map[string]string{"cid": "b26af638-6b27-43f7-a991-9ddbb73cb04e"}},
		"CreateThickCloneVolume": {
			Body: `{` + source + `,"dst":{"name":"copy1","clusterId":"b26af638-6b27-43f7-a991-9ddbb73cb04e"}}`,
		},
		"CreateThickCloneSnapshot": {
			Body: `{` + source + `,"dst":{"name":"copy2","clusterId":"b26af638-6b27-43f7-a991-9ddbb73cb04e",` +
				`"description":"copy of snap1"}}`,
		},
		"GetWorkflow":    {Path: map[string]string{"workflowId": "d5240000-5d4c-11f1-bc6e-f372fe94f82a"}},
		"CancelWorkflow": {Path: map[string]string{"workflowId": "d5240000-5d4c-11f1-bc6e-f372fe94f82a"}, Body: `{}`},
	}
}
