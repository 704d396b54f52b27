package simulator_test

const volumes = "/api/v2/projects/default/volumes"

// volume creates a volume v and returns its ID and its path.
func (w *waiting) volume() (id, path string) {
	id = w.do("POST "+volumes, `{"name":"v","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`).
		Text(".UUID")
	return id, volumes + "/" + id
}

func volumeReads(path string) []string { return []string{"GET " + path, "GET " + volumes} }

var clusterReads = []string{"GET /api/v2/cluster", "GET /api/v2/clusterinfo"}

var lightbitsWaiters = map[string]waiter{
	"volume create": {[]string{"lightbits.volume"}, func(w *waiting) []string {
		_, path := w.volume()
		return volumeReads(path)
	}},
	"volume update": {[]string{"lightbits.volume"}, func(w *waiting) []string {
		_, path := w.volume()
		w.finish()
		w.do("PUT "+path, `{"size":"5 GiB"}`)
		return volumeReads(path)
	}},
	"volume rollback": {[]string{"lightbits.volume"}, func(w *waiting) []string {
		id, path := w.volume()
		w.finish()
		w.event("lightbits.volume", id, "rollback")
		return volumeReads(path)
	}},
	"volume migrate": {[]string{"lightbits.volume"}, func(w *waiting) []string {
		id, path := w.volume()
		w.finish()
		w.event("lightbits.volume", id, "migrate")
		return volumeReads(path)
	}},
	"volume delete": {[]string{"lightbits.volume"}, func(w *waiting) []string {
		_, path := w.volume()
		w.finish()
		w.do("DELETE "+path, "")
		return []string{"GET " + path, "GET " + volumes + "?showAll=true"}
	}},
	"snapshot create": {[]string{"lightbits.snapshot"}, func(w *waiting) []string {
		id, _ := w.volume()
		w.finish()
		snap := w.do("POST /api/v2/projects/default/snapshots", `{"name":"s","sourceVolumeUUID":"`+id+`"}`).Text(".UUID")
		return []string{"GET /api/v2/projects/default/snapshots/" + snap, "GET /api/v2/projects/default/snapshots"}
	}},
	"snapshot delete": {[]string{"lightbits.snapshot"}, func(w *waiting) []string {
		id, _ := w.volume()
		w.finish()
		snap := w.do("POST /api/v2/projects/default/snapshots", `{"name":"s","sourceVolumeUUID":"`+id+`"}`).Text(".UUID")
		w.finish()
		w.do("DELETE /api/v2/projects/default/snapshots/"+snap, "")
		return []string{"GET /api/v2/projects/default/snapshots/" + snap,
			"GET /api/v2/projects/default/snapshots?showAll=true"}
	}},
	"policy create": {[]string{"lightbits.policy"}, func(w *waiting) []string {
		id := w.do("POST /api/v2/policies", policyBody).Text(".UUID")
		return []string{"GET /api/v2/policies/" + id, "GET /api/v2/policies"}
	}},
	"policy update": {[]string{"lightbits.policy"}, func(w *waiting) []string {
		id := w.do("POST /api/v2/policies", policyBody).Text(".UUID")
		w.finish()
		w.do("PUT /api/v2/policies/"+id, `{"description":"later"}`)
		return []string{"GET /api/v2/policies/" + id, "GET /api/v2/policies"}
	}},
	"resource policy create": {[]string{"lightbits.resourcePolicy"}, func(w *waiting) []string {
		id := w.schedule()
		return []string{"GET /api/v2/projects/default/resourcePolicies/" + id,
			"GET /api/v2/projects/default/resourcePolicies"}
	}},
	"resource policy delete": {[]string{"lightbits.resourcePolicy"}, func(w *waiting) []string {
		id := w.schedule()
		w.do("POST /_sim/resources/lightbits.resourcePolicy/"+id+"/release", "")
		w.do("DELETE /api/v2/projects/default/resourcePolicies/"+id, "")
		return []string{"GET /api/v2/projects/default/resourcePolicies/" + id,
			"GET /api/v2/projects/default/resourcePolicies"}
	}},
	"admin endpoint create": {[]string{"lightbits.adminEndpoint"}, func(w *waiting) []string {
		w.do("POST /api/v2/adminEndpoints", `{"port":22,"ips":["10.0.0.1"]}`)
		return []string{"GET /api/v2/adminEndpoints/22", "GET /api/v2/adminEndpoints"}
	}},
	"admin endpoint update": {[]string{"lightbits.adminEndpoint"}, func(w *waiting) []string {
		w.do("POST /api/v2/adminEndpoints", `{"port":22,"ips":["10.0.0.1"]}`)
		w.finish()
		w.do("PUT /api/v2/adminEndpoints/22", `{"ips":["10.0.0.2"]}`)
		return []string{"GET /api/v2/adminEndpoints/22", "GET /api/v2/adminEndpoints"}
	}},
	"admin endpoint delete": {[]string{"lightbits.adminEndpoint"}, func(w *waiting) []string {
		w.do("POST /api/v2/adminEndpoints", `{"port":22,"ips":["10.0.0.1"]}`)
		w.finish()
		w.do("DELETE /api/v2/adminEndpoints/22", "")
		return []string{"GET /api/v2/adminEndpoints/22", "GET /api/v2/adminEndpoints"}
	}},
	"node comes back": {[]string{"lightbits.node"}, func(w *waiting) []string {
		_, path := w.volume()
		w.finish()
		node := w.do("GET "+path, "").Text(".nodeList[0]")
		w.event("lightbits.node", node, "fail")
		w.event("lightbits.node", node, "recover")
		return append(volumeReads(path), "GET /api/v2/nodes/"+node, "GET /api/v2/nodes", "GET /api/v2/cluster",
			"GET /api/v2/servers")
	}},
	"node detach": {[]string{"lightbits.node"}, func(w *waiting) []string {
		node := w.first("lightbits.node")
		w.event("lightbits.node", node, "detach")
		return []string{"GET /api/v2/nodes/" + node, "GET /api/v2/nodes"}
	}},
	"node attach": {[]string{"lightbits.node"}, func(w *waiting) []string {
		node := w.first("lightbits.node")
		w.event("lightbits.node", node, "detach")
		w.finish()
		w.event("lightbits.node", node, "attach")
		return []string{"GET /api/v2/nodes/" + node, "GET /api/v2/nodes"}
	}},
	"server disable": {[]string{"lightbits.server", "lightbits.eviction", "lightbits.migration"},
		func(w *waiting) []string {
			return w.server("disable")
		}},
	"server enable": {[]string{"lightbits.server", "lightbits.node"}, func(w *waiting) []string {
		w.server("disable")
		w.finish()
		return w.server("enable")
	}},
	"server delete": {[]string{"lightbits.server"}, func(w *waiting) []string {
		w.server("disable")
		w.finish()
		server := w.first("lightbits.server")
		w.do("DELETE /api/v2/servers/"+server, "")
		return []string{"GET /api/v2/servers/" + server, "GET /api/v2/servers"}
	}},
	"server create": {[]string{"lightbits.server"}, func(w *waiting) []string {
		const id = "7f1f42a4-45a7-4f9c-8cf0-0a6d3b4a0001"
		w.do("POST /api/v2/servers",
			`{"serverEndpoints":["http://10.1.0.50:2380"],"serverUUID":"`+id+`","extendCluster":true}`)
		return []string{"GET /api/v2/servers/" + id, "GET /api/v2/servers"}
	}},
	"server evict": {[]string{"lightbits.server", "lightbits.eviction", "lightbits.migration", "lightbits.volume"},
		func(w *waiting) []string {
			server := w.evict()
			return []string{"GET /api/v2/servers/" + server, "GET /api/v2/servers"}
		}},
	"eviction abort": {[]string{"lightbits.eviction"}, func(w *waiting) []string {
		server := w.evict()
		w.event("lightbits.eviction", server, "abort")
		return []string{"GET /api/v2/servers/" + server, "GET /api/v2/servers"}
	}},
	"server upgrade": {[]string{"lightbits.upgrade", "lightbits.node"}, func(w *waiting) []string {
		server := w.first("lightbits.server")
		w.do("POST /api/v2/servers/"+server+"/upgrade", `{"InstallPkgUri":"http://x/lightos-3.16.1.tgz"}`)
		return []string{"GET /api/v2/servers/" + server, "GET /api/v2/servers"}
	}},
	"cluster upgrade": {[]string{"lightbits.upgrade", "lightbits.clusterUpgrade", "lightbits.node"},
		func(w *waiting) []string {
			w.do("POST /api/v2/cluster/upgrade", `{"InstallPkgUri":"http://x/lightos-3.16.1.tgz"}`)
			return clusterReads
		}},
	"device add": {[]string{"lightbits.nvmeDevice"}, func(w *waiting) []string {
		device := w.first("lightbits.nvmeDevice")
		node := w.do("GET /api/v2/nvmeDevices/"+device, "").Text(".nodeUUID")
		w.do("POST /_sim/actions/lightbits/pull-device", `{"serial":"`+device+`"}`)
		w.do("POST /_sim/actions/lightbits/insert-device", `{"serial":"`+device+`"}`)
		w.finish()
		w.do("POST /api/v2/nvmeDevices", `{"serialNumber":"`+device+`","nodeUUID":"`+node+`"}`)
		return []string{"GET /api/v2/nvmeDevices/" + device, "GET /api/v2/nvmeDevices"}
	}},
	"device rebuild": {[]string{"lightbits.nvmeDevice"}, func(w *waiting) []string {
		device := w.first("lightbits.nvmeDevice")
		w.event("lightbits.nvmeDevice", device, "rebuild")
		return []string{"GET /api/v2/nvmeDevices/" + device, "GET /api/v2/nvmeDevices", "GET /api/v2/nodes"}
	}},
	"encryption enable": {[]string{"lightbits.encryption"}, func(w *waiting) []string {
		w.encrypt()
		return clusterReads
	}},
	"encryption rotate": {[]string{"lightbits.encryption"}, func(w *waiting) []string {
		w.encrypt()
		w.finish()
		w.do("POST /api/v2/cluster/clusterRootKey/rotate", "")
		return clusterReads
	}},
	"IdP configuration create": {[]string{"lightbits.idpConfiguration"}, func(w *waiting) []string {
		w.do("POST /api/v2/cluster/IdpConfiguration", idpBody)
		return idpReads
	}},
	"IdP configuration update": {[]string{"lightbits.idpConfiguration"}, func(w *waiting) []string {
		w.do("POST /api/v2/cluster/IdpConfiguration", idpBody)
		w.finish()
		w.do("PUT /api/v2/cluster/IdpConfiguration", `{"name":"idp1","idpIssuerURL":"http://192.0.2.2/_sim/idp/auto"}`)
		return idpReads
	}},
	"federation": {[]string{"lightbits.workflow"}, func(w *waiting) []string {
		w.credential("/api/v2/cf-service-credentials", "east")
		id := w.do("POST /api/v2/clusters", `{"apiEndpoint":"10.1.0.10:443"}`).Text(".workflowId")
		return []string{"GET /api/v2/workflows/" + id, "GET /api/v2/workflows"}
	}},
}

const (
	policyBody = `{"name":"gold","qoSRateLimitPolicy":{"policyVisibility":"Scoped","projectsNamesScope":["default"],` +
		`"limitIOPS":{"readIOPSLimit":400,"writeIOPSLimit":257}}}`
	idpBody = `{"name":"idp1","idpIssuerURL":"http://192.0.2.1/_sim/idp/auto","type":"ADFS"}`
)

var idpReads = []string{"GET /api/v2/cluster/IdpConfiguration", "GET /api/v2/cluster/IdpConfiguration/idp1"}

// schedule creates a resource policy and returns its ID.
func (w *waiting) schedule() string {
	w.volume()
	w.finish()
	return w.do("POST /api/v2/projects/default/resourcePolicies", `{"name":"nightly","resourceName":"v","schedulePolicy":`+
		`{"snapshotSchedulePolicy":{"hourlySchedule":{"hoursInCycle":6}},"retentionTime":"3600s"}}`).Text(".UUID")
}

// server makes a change of the first server.
func (w *waiting) server(change string) []string {
	server := w.first("lightbits.server")
	w.do("POST /api/v2/servers/"+server+"/"+change, "")
	return []string{"GET /api/v2/servers/" + server, "GET /api/v2/servers"}
}

// evict starts the eviction of a server that holds replicas, and returns its ID.
func (w *waiting) evict() string {
	w.do("POST /_sim/actions/lightbits/set-feature-flag", `{"name":"evict-data","enabled":true}`)
	_, path := w.volume()
	w.finish()
	node := w.do("GET "+path, "").Text(".nodeList[0]")
	server := w.do("GET /api/v2/nodes/"+node, "").Text(".serverUUID")
	w.do("POST /api/v2/servers/"+server+"/disable", `{"evictData":true}`)
	return server
}

func (w *waiting) encrypt() {
	w.do("POST /_sim/actions/lightbits/set-feature-flag", `{"name":"cluster-encryption","enabled":true}`)
	w.do("POST /api/v2/cluster/encryption/enable", "")
}
