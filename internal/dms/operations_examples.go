package dms

import "storagesim/internal/api"

// examples are requests that succeed in a world on the fixture small, or after the examples that make what they name.
func examples() map[string]api.Example {
	return map[string]api.Example{
		"AttachCluster": {Body: `{"apiEndpoint":"10.1.0.10:443"}`},
	}
}
