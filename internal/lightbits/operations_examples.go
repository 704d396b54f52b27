package lightbits

import "storagesim/internal/api"

// examples returns requests that succeed in a world on the fixture small, or after the examples that make what they
// name. The IDs are those of a world with the seed 1.
func examples() map[string]api.Example {
	const (
		server00, node00 = "5492251e-dd03-47d4-8230-28c4e38d2822", "7be511a8-14f2-412e-8d70-135ce918e695"
		server01, node01 = "8a688266-6616-4d8a-89fe-275f5c32e6a6", "dab46ba4-896a-4d0c-aaca-66a4dbffb0e7"
		firstID          = "1edef3dd-15c3-43ee-b73d-1121bef88604" // of what a test makes first, such as a volume
		secondID         = "6bceb860-3e2f-46f9-9157-facdebbcb424"
		device           = "SIM015AA098000006" // in server01
		policy           = "e90dc370-587f-4050-99d4-c839b40d924b"
	)
	return map[string]api.Example{
		"CreateVolume": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`,
		},
		"UpdateVolume": {Path: inProject("UUID", firstID), Body: `{"size":"8 GiB"}`},
		"DeleteVolume": {Path: inProject("UUID", firstID)},
		"CreateSnapshot": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"name":"snap1","sourceVolumeName":"vol1"}`,
		},
		"DeleteSnapshot": {Path: inProject("UUID", secondID)},
		"RollbackVolume": {Path: inProject("UUID", firstID), Body: `{"srcSnapshotName":"snap1"}`},
		"CreateProject":  {Body: `{"name":"team-1","description":"for team 1"}`},
		"DeleteProject":  {Path: map[string]string{"name": "team-1"}},
		"UpdateProject": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"defaultPolicies":[{"policyType":"qosRateLimit","policyUUID":"` + policy + `"}]}`,
		},
		"CreatePolicy": {
			Body: `{"name":"gold","qoSRateLimitPolicy":{"policyVisibility":"Global",` +
				`"limitIOPS":{"readIOPSLimit":5000,"writeIOPSLimit":5000}}}`,
		},
		"UpdatePolicy": {
			Path: map[string]string{"UUID": policy},
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
			Path: map[string]string{"UUID": server00},
			Body: `{"evictData":false}`,
		},
		"UpgradeServer": {
			Path: map[string]string{"UUID": server00},
			Body: `{"InstallPkgUri":"https://packages.example.com/lightos"}`,
		},
		"EnableServer": {Path: map[string]string{"UUID": server00}, Body: `{}`},
		"CreateServer": {
			Body: `{"serverUUID":"5b0f3c1e-6f43-4e6a-9a53-0d4dd3e5a0c1",` +
				`"serverEndpoints":["http://10.1.0.13:2380"],"extendCluster":true}`,
		},
		"UpgradeCluster": {Body: `{"InstallPkgUri":"https://packages.example.com/lightos"}`},
		"RestartNodeInstance": {
			Path: map[string]string{"nodeUUID": node00},
			Body: `{"force":true}`,
		},
		"StopNodeInstance": {
			Path: map[string]string{"nodeUUID": node00},
			Body: `{"force":true}`,
		},
		"UpdateNvmeDevice": {
			Path: map[string]string{"serialNumber": device},
			Body: `{"ledPattern":"locate","serverUUID":"` + server01 + `"}`,
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
		"DeleteServer":        {Path: map[string]string{"UUID": server00}},
		"DeleteTrustedHost":   {Path: inProject("name", "host1")},
		"UpdateTrustedHost": {
			Path: inProject("name", "host1"),
			Body: `{"labels":[{"key":"rack","value":"7"}]}`,
		},
		"CreateResourcePolicy": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"name":"nightly","resourceName":"vol1","schedulePolicy":{"retentionTime":"604800s",` +
				`"snapshotSchedulePolicy":{"dailySchedule":{"daysInCycle":1,"startTime":"2040-01-01T02:00:00Z"}}}}`,
		},
		"DeleteResourcePolicy":     {Path: inProject("UUID", firstID)},
		"EnableClusterInBandAuth":  {Body: `{}`},
		"DisableClusterInBandAuth": {Body: `{}`},
		"UpdateResourcePolicy": {
			Path: inProject("UUID", firstID),
			Body: `{"description":"kept for two weeks","schedulePolicy":{"retentionTime":"1209600s",` +
				`"snapshotSchedulePolicy":{"dailySchedule":{"daysInCycle":1,"startTime":"2040-01-01T02:00:00Z"}}}}`,
		},
		"DeletePolicy": {Path: map[string]string{"UUID": firstID}},
		"CreateCredential": {
			Path: map[string]string{"projectName": "default"},
			Body: `{"ID":"backup","type":"RS256PubKey","payload":"` + publicKey + `"}`,
		},
		"DeleteCredential": {Path: inProject("ID", "backup")},
		"SetTrustedHostSecret": {
			Path: inProject("name", "host1"),
			Body: `{"hostSecret":"DHHC-1:00:v6HJdT5oXM1devJBwo60PX1FltUwlIaMFCfZ9HUCGnkDZBQJ:",` +
				`"targetSecretType":"AutoGenSecret"}`,
		},
		"UpdateIdpClientConf":     {Path: map[string]string{"name": "app"}, Body: `{"claimName":"group"}`},
		"StartNodeInstance":       {Path: map[string]string{"nodeUUID": node00}},
		"AddNvmeDevice":           {Body: `{"serialNumber":"` + device + `","nodeUUID":"` + node01 + `"}`},
		"EnableClusterEncryption": {Body: `{"keyStore":"file"}`},
		"ReplaceNode": {
			Path: map[string]string{"SrcNodeUUID": node00},
			Body: `{"TargetNodeUUID":"` + firstID + `","ReplaceWhileActive":true}`,
		},
		"AttachCluster": {Body: `{"apiEndpoint":"10.2.0.10:443"}`},
		"DetachCluster": {Path: map[string]string{"cid": "601ba6c0-b4a8-4289-997d-8e40ce52665e"}},
	}
}

// inProject returns the values of a path in the project default.
func inProject(name, value string) map[string]string {
	return map[string]string{"projectName": "default", name: value}
}

// publicKey is the base64 of an RSA public key in PEM.
const publicKey = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUlJQklqQU5CZ2txaGtpRzl3MEJBUUVGQUFPQ0FROEFNSUlCQ2dLQ0FRRUF6Vz" +
	"dzNWc3SXRuRDgyS2YxKzExawo0ekpxUFBURnVSbXlUdUF1Q0YwK25hc2NZZDBlNWVROFBiaUxEQ1FMcUFwOVRwMUFZY1JIdkJz" +
	"Uk5mK2ZSNUMvCkNJL0xoRk9MY3hWMElJZnZMa3IxdzM5dnJkUDJ2dXhpMFpiYjV0WldVZFRmbi9ndWFla2JMamZZMXhZVUw5ZF" +
	"UKYXIzSm40dUxoL2JxVTlRUlNXclBIbEx0U2RUSElRRHViWjdza2UwMUV6SU5PQjVFU0lOZ0RHdVRXMy9weVoxZwpHQk82aDFj" +
	"Zk5RNm9RbUJRN2YwZERkMkljVVhUZ1oyenJ2dUdXZHZvb1d6Wi8vODRUNnZUQjRyYjNtZFFvbE4xCjRkZlh1b2JWUXVXMEZnbF" +
	"M3WHgxenRwMENtbnpCVVhzbGpnOVh5RXp6THRQbzRrMm1jNnhPeHROWng0M2lpMWwKZFFJREFRQUIKLS0tLS1FTkQgUFVCTElD" +
	"IEtFWS0tLS0tCg=="
