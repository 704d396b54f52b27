package lucidity

import "storagesim/internal/api"

// examples returns requests that succeed in a world on the fixture small, or after the examples that make what they
// name. The IDs are those of a world with the seed 1.
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
		"OnboardTenant": {
			Body: `{"cloudEntityInformation":{"cloudProvider":"AWS","cloudProviderAccountId":"345678901234",` +
				`"externalId":"lucidity-345678901234","awsIAMRoleName":"LucidityRole",` +
				`"awsIAMPolicyName":"LucidityPolicy"},"displayName":"Staging","productList":["AUTOSCALER"]}`,
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
		"GetBufferStatus": {Path: map[string]string{"bufferId": "1edef3dd-15c3-43ee-b73d-1121bef88604"}},
		"RevokeBuffer":    {Path: map[string]string{"bufferId": "1edef3dd-15c3-43ee-b73d-1121bef88604"}},
		"RefreshToken":    {Body: `{"refreshToken":"sim.default.refresh.mr1b6yo0.9231ea4719cf72894e8785adeb8f73b5"}`},
	}
}
