package simulator_test

import "fmt"

var otherWaiters = map[string]waiter{
	"discovery": {[]string{"dms.workflow"}, func(w *waiting) []string {
		w.credential("/api/v1/service-credentials", "east")
		id := w.do("POST /api/v1/clusters", `{"apiEndpoint":"10.1.0.10:443"}`).Text(".workflowId")
		return workflowReads(id)
	}},
	"clone": {[]string{"dms.workflow"}, func(w *waiting) []string { return workflowReads(w.clone()) }},
	"cancel": {[]string{"dms.workflow"}, func(w *waiting) []string {
		id := w.clone()
		w.do("POST /api/v1/workflows/"+id+"/cancel", "")
		return workflowReads(id)
	}},
	"filespace": {[]string{"lucidlink.filespace"}, func(w *waiting) []string {
		domain := w.do("GET /v1/domains", "").Text(".0.id")
		id := w.do("POST /v1/filespaces",
			`{"domain":"`+domain+`","name":"acme","storage":{"provider":"AWS","region":"eu-west-1"}}`).Text(".id")
		return []string{"GET /v1/filespaces/" + id, "GET /v1/filespaces"}
	}},
	"buffer": {[]string{"lucidity.buffer"}, func(w *waiting) []string {
		id := w.do("PATCH /external/api/v1/autoscaler/instance/buffer/request", `{"instanceIdentifier":`+encrypted+
			`,"partition":"/mnt/db","requestId":"restore-1","sizeInGb":500}`).Text(".data.bufferId")
		return []string{"GET /external/api/v1/autoscaler/instance/buffer/" + id + "/status"}
	}},
	"onboarding": {[]string{"lucidity.partition"}, func(w *waiting) []string {
		w.do("POST /external/client/api/v1/partition/create", `{"instanceIdentifier":`+plain+`,"partition":"/mnt/data"}`)
		return partitionReads(plain, "/mnt/data")
	}},
	"deboarding": {[]string{"lucidity.partition"}, func(w *waiting) []string {
		id := w.do("GET /_sim/resources?kind=lucidity.partition&state=ON_BOARDED", "").Text(".resources[0].id")
		w.event("lucidity.partition", id, "schedule-deboard")
		return partitionReads(encrypted, "/mnt/db")[1:]
	}},
	"tenant": {[]string{"lucidity.tenant"}, func(w *waiting) []string {
		w.do("POST /external/client/api/v1/tenants/onboard", `{"cloudEntityInformation":{"cloudProvider":"AWS",`+
			`"cloudProviderAccountId":"300000000001","externalId":"trusted","awsIAMRoleName":"LucidityRole",`+
			`"awsIAMPolicyName":"LucidityPolicy"},"displayName":"New","productList":["AUTOSCALER"]}`)
		return []string{"GET /external/client/api/v1/tenants"}
	}},
}

const (
	plain     = `{"cloudProviderAccountId":"111111111111","cloudProvider":"AWS","instanceId":"i-plain"}`
	encrypted = `{"cloudProviderAccountId":"111111111111","cloudProvider":"AWS","instanceId":"i-encrypted"}`
)

func workflowReads(id string) []string {
	return []string{"GET /api/v1/workflows/" + id, "GET /api/v1/workflows"}
}

func partitionReads(instance, partition string) []string {
	return []string{
		fmt.Sprintf(`POST /external/client/api/v1/partition/status {"instanceIdentifier":%s,"partition":%q}`,
			instance, partition),
		fmt.Sprintf(`POST /external/client/api/v1/instance/details {"instanceIdentifier":%s}`, instance),
	}
}

// credential lets a service use a cluster.
func (w *waiting) credential(service, cluster string) {
	key := w.do("GET "+service, "")
	w.Header.Set("X-Sim-Cluster", cluster)
	w.do("POST /api/v2/projects/system/credentials", `{"ID":"`+key.Text(".pubKeyId")+`","type":"RS256PubKey","payload":"`+
		key.Text(".pubKey")+`"}`)
	w.Header.Del("X-Sim-Cluster")
}

// clone starts a clone of a snapshot to the other cluster, and returns the ID of its workflow.
func (w *waiting) clone() string {
	w.credential("/api/v1/service-credentials", "east")
	w.credential("/api/v1/service-credentials", "west")
	w.do("POST /api/v1/clusters", `{"apiEndpoint":"10.1.0.10:443"}`)
	w.do("POST /api/v1/clusters", `{"apiEndpoint":"10.2.0.10:443"}`)
	id, _ := w.volume()
	w.finish()
	snap := w.do("POST /api/v2/projects/default/snapshots", `{"name":"s","sourceVolumeUUID":"`+id+`"}`).Text(".UUID")
	w.finish()
	w.Header.Set("X-Sim-Cluster", "west")
	west := w.do("GET /api/v2/clusterinfo", "").Text(".UUID")
	w.Header.Del("X-Sim-Cluster")
	east := w.do("GET /api/v2/clusterinfo", "").Text(".UUID")
	return w.do("POST /api/v1/volumes/thickclone",
		fmt.Sprintf(`{"src":{"snapId":%q,"projectName":"default","clusterId":%q},`+
			`"dst":{"name":"copy","clusterId":%q},"verifyClone":true}`, snap, east, west)).Text(".workflowId")
}
