package lightbits

import "storagesim/internal/api"

// examples are requests that succeed in a world on the fixture small, or after the examples that make what they name.
func examples() map[string]api.Example {
	return map[string]api.Example{
		"CreateVolume": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`,
		},
		"UpdateVolume": {Path: map[string]string{"projectName": "default"}, Body: `{"size":"8 GiB"}`},
		"DeleteVolume": {Path: map[string]string{"projectName": "default"}},
		"CreateSnapshot": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"name":"snap1","sourceVolumeName":"vol1"}`,
		},
		"DeleteSnapshot": {Path: map[string]string{"projectName": "default"}},
		"RollbackVolume": {Path: map[string]string{"projectName": "default"}, Body: `{"srcSnapshotName":"snap1"}`},
		"CreateProject":  {Body: `{"name":"team-1","description":"for team 1"}`},
		"DeleteProject":  {Path: map[string]string{"name": "team-1"}},
		"UpdateProject": {
			Path: map[string]string{"name": "default"},
			Body: `{"defaultPolicies":[{"policyType":"qosRateLimit",` +
				`"policyUUID":"e90dc370-587f-4050-99d4-c839b40d924b"}]}`,
		},
		"CreatePolicy": {
			Body: `{"name":"gold","qoSRateLimitPolicy":{"policyVisibility":"Global",` +
				`"limitIOPS":{"readIOPSLimit":5000,"writeIOPSLimit":5000}}}`,
		},
		"UpdatePolicy": {
			Path: map[string]string{"UUID": "e90dc370-587f-4050-99d4-c839b40d924b"},
			Body: `{"description":"no limits"}`,
		},
		"CreateAdminEndpoint": {Body: `{"port":22,"ips":["10.0.0.1"]}`},
		"UpdateAdminEndpoint": {Path: map[string]string{"port": "22"}, Body: `{"ips":["10.0.0.2"]}`},
		"DeleteAdminEndpoint": {Path: map[string]string{"port": "22"}},
		"CreateIdpConfiguration": {
			Body: `{"name":"idp1","idpIssuerURL":"https://adfs.example.com/adfs","type":"ADFS"}`,
		},
		"UpdateIdpConfiguration": {Body: `{"name":"idp1","idpIssuerURL":"https://login.example.com/adfs"}`},
		"DeleteIdpConfiguration": {Path: map[string]string{"name": "idp1"}},
		"CreateIdpClientConf": {
			Body: `{"name":"app","clientId":"app-1","idpConfigurationName":"idp1","authzMode":"App"}`,
		},
		"CreateAuthMapEntry": {
			Body: `{"name":"monitoring","identifier":"app-1","scope":"system","role":"viewer",` +
				`"idpConfigurationName":"idp1"}`,
		},
		"EnableFeatureFlag":  {Path: map[string]string{"name": "in-band-authentication"}},
		"DisableFeatureFlag": {Path: map[string]string{"name": "event-log"}},
		"UpdateClusterConfigParam": {
			Path: map[string]string{"configParam.name": "AllowedNumRevives"},
			Body: `{"configParam":{"name":"AllowedNumRevives","value":"5"}}`,
		},
		"DisableServer": {
			Path: map[string]string{"UUID": "5492251e-dd03-47d4-8230-28c4e38d2822"},
			Body: `{"evictData":false}`,
		},
		"UpgradeServer": {
			Path: map[string]string{"UUID": "5492251e-dd03-47d4-8230-28c4e38d2822"},
			Body: `{"InstallPkgUri":"https://packages.example.com/lightos"}`,
		},
		"EnableServer": {Path: map[string]string{"UUID": "5492251e-dd03-47d4-8230-28c4e38d2822"}, Body: `{}`},
		"CreateServer": {
			Body: `{"serverUUID":"5b0f3c1e-6f43-4e6a-9a53-0d4dd3e5a0c1",` +
				`"serverEndpoints":["http://10.1.0.13:2380"],"extendCluster":true}`,
		},
		"UpgradeCluster": {Body: `{"InstallPkgUri":"https://packages.example.com/lightos"}`},
		"RestartNodeInstance": {
			Path: map[string]string{"nodeUUID": "7be511a8-14f2-412e-8d70-135ce918e695"},
			Body: `{"force":true}`,
		},
		"StopNodeInstance": {
			Path: map[string]string{"nodeUUID": "7be511a8-14f2-412e-8d70-135ce918e695"},
			Body: `{"force":true}`,
		},
		"UpdateNvmeDevice": {
			Path: map[string]string{"Serial": "SIM015AA098000006"},
			Body: `{"ledPattern":"locate","serverUUID":"8a688266-6616-4d8a-89fe-275f5c32e6a6"}`,
		},
		"CreateTrustedHost": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"name":"host1","hostNqn":"nqn.2014-08.org.nvmexpress:uuid:host1"}`,
		},
		"DeleteAuthMapEntry": {Path: map[string]string{"name": "monitoring"}},
		"UpdateAuthMapEntry": {
			Path: map[string]string{"name": "monitoring"},
			Body: `{"identifier":"app-1","scope":"system","role":"cluster-admin","idpConfigurationName":"idp1"}`,
		},
		"DeleteIdpClientConf": {Path: map[string]string{"name": "app"}},
		"DeleteServer":        {Path: map[string]string{"UUID": "5b0f3c1e-6f43-4e6a-9a53-0d4dd3e5a0c1"}},
		"DeleteTrustedHost":   {Path: map[string]string{"projectName": "default", "name": "host1"}},
		"UpdateTrustedHost": {
			Path: map[string]string{"projectName": "default", "name": "host1"},
			Body: `{"labels":[{"key":"rack","value":"7"}]}`,
		},
		"CreateResourcePolicy": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"name":"nightly","resourceName":"vol1","schedulePolicy":{"retentionTime":"604800s",` +
				`"snapshotSchedulePolicy":{"dailySchedule":{"daysInCycle":1,"startTime":"2040-01-01T02:00:00Z"}}}}`,
		},
		"DeleteResourcePolicy":     {Path: map[string]string{"projectName": "default"}},
		"EnableClusterInBandAuth":  {Body: `{}`},
		"DisableClusterInBandAuth": {Body: `{}`},
	}
}
