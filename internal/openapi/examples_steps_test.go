package openapi_test

import "slices"

// before has the steps that an example needs first. A step is
//
//	CreateVolume                          the example of an operation of the same vendor, or of lightbits.CreateVolume
//	UUID=$CreateVolume:.UUID              a value of the next example, taken from an earlier response
//	authzMode=User                        a value of the next example
//	POST /_sim/actions/lightbits/… {…}    a control call
//	advance                               the clock moves by a minute
var before = map[string][]string{
	"control.DeleteWorld":       {"CreateWorld"},
	"control.DeleteCheckpoint":  {"PutCheckpoint"},
	"control.RestoreCheckpoint": {"PutCheckpoint"},
	"control.DeleteFault":       {"PutFault"},
	"control.DeleteScenario":    {"StartScenario", "id=$StartScenario:.id"},
	"control.ReleaseTransition": {"lightbits.CreateVolume"},

	"lightbits.CreateSnapshot":          volume,
	"lightbits.DeleteSnapshot":          steps(snapshot, "UUID=$CreateSnapshot:.UUID"),
	"lightbits.DeleteVolume":            steps(volume, "UUID=$CreateVolume:.UUID"),
	"lightbits.UpdateVolume":            steps(volume, "UUID=$CreateVolume:.UUID"),
	"lightbits.RollbackVolume":          steps(snapshot, "UUID=$CreateVolume:.UUID"),
	"lightbits.CreateResourcePolicy":    volume,
	"lightbits.DeleteResourcePolicy":    steps(resourcePolicy, "UUID=$CreateResourcePolicy:.UUID"),
	"lightbits.UpdateResourcePolicy":    steps(resourcePolicy, "UUID=$CreateResourcePolicy:.UUID"),
	"lightbits.DeleteProject":           {"CreateProject"},
	"lightbits.DeletePolicy":            {"CreatePolicy", "advance", "UUID=$CreatePolicy:.UUID"},
	"lightbits.DeleteCredential":        {"CreateCredential"},
	"lightbits.UpdateAdminEndpoint":     {"CreateAdminEndpoint", "advance"},
	"lightbits.DeleteAdminEndpoint":     {"CreateAdminEndpoint", "advance"},
	"lightbits.UpdateIdpConfiguration":  idp,
	"lightbits.DeleteIdpConfiguration":  idp,
	"lightbits.CreateIdpClientConf":     idp,
	"lightbits.UpdateIdpClientConf":     steps(idp, "authzMode=User", "claimName=groups", "CreateIdpClientConf"),
	"lightbits.DeleteIdpClientConf":     steps(idp, "CreateIdpClientConf"),
	"lightbits.CreateAuthMapEntry":      steps(idp, "CreateIdpClientConf"),
	"lightbits.DeleteAuthMapEntry":      steps(idp, "CreateIdpClientConf", "CreateAuthMapEntry"),
	"lightbits.UpdateAuthMapEntry":      steps(idp, "CreateIdpClientConf", "CreateAuthMapEntry"),
	"lightbits.EnableServer":            {"DisableServer", "advance"},
	"lightbits.DeleteServer":            {"DisableServer", "advance"},
	"lightbits.StartNodeInstance":       {"StopNodeInstance", "advance"},
	"lightbits.CreateTrustedHost":       {"EnableFeatureFlag"},
	"lightbits.EnableClusterInBandAuth": {"EnableFeatureFlag"},
	"lightbits.DeleteTrustedHost":       {"EnableFeatureFlag", "CreateTrustedHost"},
	"lightbits.UpdateTrustedHost":       {"EnableFeatureFlag", "CreateTrustedHost"},
	"lightbits.SetTrustedHostSecret":    {"EnableFeatureFlag", "CreateTrustedHost"},
	"lightbits.EnableClusterEncryption": {"name=cluster-encryption", "EnableFeatureFlag"},
	"lightbits.RotateClusterRootKey": {
		"name=cluster-encryption", "EnableFeatureFlag", "EnableClusterEncryption", "advance",
	},
	"lightbits.ReplaceNode": {
		"extendCluster=false", "CreateServer", "advance", "TargetNodeUUID=$CreateServer:.NodesUUIDs[0]",
	},
	"lightbits.AddNvmeDevice": {
		`POST /_sim/actions/lightbits/pull-device {"serial":"SIM015AA098000006"}`, "advance",
		`POST /_sim/actions/lightbits/insert-device {"serial":"SIM015AA098000006"}`,
	},

	"dms.DetachCluster":            attached,
	"dms.CreateThickCloneVolume":   clone,
	"dms.CreateThickCloneSnapshot": clone,
	"dms.CancelWorkflow":           {"AttachCluster", "workflowId=$AttachCluster:.workflowId"},

	"lucidlink.CreateDomain":     {"DeleteDomain"},
	"lucidlink.DeleteFilespace":  steps(filespace, "id=$CreateFilespace:.id"),
	"lucidlink.InitializeS3":     filespace,
	"lucidlink.LinkFilespace":    steps(filespace, "InitializeS3"),
	"lucidlink.UnlinkFilespace":  linked,
	"lucidlink.UnmountFilespace": linked,
	"lucidlink.MountFilespace":   steps(linked, "UnmountFilespace"),
	"lucidlink.SetCache":         linked,
	"lucidlink.SyncFilespace":    linked,
	"lucidlink.CreateSnapshot":   linked,
	"lucidlink.DeleteSnapshot":   steps(linked, "CreateSnapshot", "id=$CreateSnapshot:.id"),
	"lucidlink.CreateUser":       linked,
	"lucidlink.UpdateUser":       steps(linked, "CreateUser"),
	"lucidlink.DeleteUser":       steps(linked, "CreateUser"),

	"lucidity.GetPartitionStatus": {"CreatePartition"},
	"lucidity.RevokeBuffer":       {"RequestBuffer", "bufferId=$RequestBuffer:.data.bufferId"},
	"lucidity.RefreshToken": {
		"vendor=lucidity", "role=", "control.CreateToken", "refreshToken=$control.CreateToken:.refreshToken",
	},
}

// Steps that several examples need.
var (
	volume         = []string{"CreateVolume", "advance"}
	snapshot       = steps(volume, "CreateSnapshot", "advance")
	resourcePolicy = steps(volume, "CreateResourcePolicy", "advance")
	idp            = []string{"CreateIdpConfiguration", "advance"}

	// A cluster with the service's key in its project system.
	attached = []string{
		"GetServiceCredentials", "projectName=system", "ID=$GetServiceCredentials:.pubKeyId",
		"payload=$GetServiceCredentials:.pubKey", "lightbits.CreateCredential", "AttachCluster", "advance",
	}
	clone = steps(attached, "lightbits.CreateVolume", "advance", "lightbits.CreateSnapshot", "advance",
		"src.snapId=$lightbits.CreateSnapshot:.UUID")

	filespace = []string{"CreateFilespace", "advance"}
	linked    = steps(filespace, "InitializeS3", "LinkFilespace")
)

func steps(first []string, more ...string) []string { return slices.Concat(first, more) }

// unexampled are the operations that cannot succeed on the fixture small, and why.
var unexampled = map[string]string{
	"lightbits.AttachCluster": "returns 501 without --federation on",
	"lightbits.DetachCluster": "returns 501 without --federation on",
	"lightbits.CFLogin":       "returns 501: not emulated",
}
