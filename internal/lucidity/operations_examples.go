package lucidity

import "storagesim/internal/api"

// examples are requests that succeed in a world on the fixture small, or after the examples that make what they name.
func examples() map[string]api.Example {
	return map[string]api.Example{
		"CreatePartition": {
			Body: `{"instanceIdentifier":{"cloudProvider":"AWS","cloudProviderAccountId":"123456789012",` +
				`"instanceId":"i-0a1b2c3d4e5f60001"},"partition":"/mnt/data","diskType":"gp3"}`,
		},
		"GetInstanceDetails": {
			Body: `{"instanceIdentifier":{"cloudProvider":"AWS","cloudProviderAccountId":"123456789012",` +
				`"instanceId":"i-0a1b2c3d4e5f60001"}}`,
		},
		"GetPartitionStatus": {
			Body: `{"instanceIdentifier":{"cloudProvider":"AWS","cloudProviderAccountId":"123456789012",` +
				`"instanceId":"i-0a1b2c3d4e5f60001"},"partition":"/mnt/data"}`,
		},
		"UpdateTenant": {
			Body: `{"displayName":"Main","cloudEntityInformation":{"cloudProvider":"AWS",` +
				`"cloudProviderAccountId":"123456789012"}}`,
		},
		"DeboardTenant": {
			Body: `{"cloudEntityInformation":{"cloudProvider":"AWS","cloudProviderAccountId":"123456789012"}}`,
		},
		"RequestBuffer": {
			Body: `{"cloudProvider":"AWS","cloudProviderAccountId":"123456789012",` +
				`"instanceId":"i-0a1b2c3d4e5f60002","partition":"/mnt/db","requestId":"r-1"}`,
		},
	}
}
