package lucidity_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a test needs of the world it makes itself: an account that nobody knows gets a tenant, an instance and partitions.
func TestActions_MakeAWorld(t *testing.T) {
	c := newClient(t)
	const instance = `"cloudProvider":"AZURE","cloudProviderAccountId":"sub","instanceId":"vm","resourceGroup":"rg"`
	act := func(status int, name, params string) string {
		return c.Must(status, "POST", "/_sim/actions/lucidity/"+name, params).Body
	}
	act(200, "add-instance", `{`+instance+`,"partitions":["D","E"]}`)
	act(200, "add-partition", `{`+instance+`,"partition":"F","diskType":"UltraSSD_LRS"}`)
	act(200, "add-partition", `{`+instance+`,"partition":"C","status":"NOT_SUPPORTED","reason":"it is the system drive"}`)
	act(200, "add-pool", `{`+instance+`,"diskType":"Premium_LRS","azureCmkDiskEncryptionSetId":"des"}`)
	act(200, "add-tenant", `{"cloudProvider":"GCP","cloudProviderAccountId":"p","status":"DECOMMISSIONED"}`)
	vm := `{"instanceIdentifier":{` + instance + `}`
	require.Equal(t, 202, c.call("POST", createPath, vm+`,"partition":"D","azureCmkDiskEncryptionSetId":"des"}`).Status)
	require.Equal(t, 412, c.call("POST", createPath, vm+`,"partition":"E"}`).Status)
	require.Len(t, c.call("POST", detailsPath, vm+`}`).Get(".data.unmanagedResponse"), 4)
	require.Equal(t, "6", c.call("GET", tenantsPath, "").Text(".data.meta.totalCount"))

	require.Contains(t, act(409, "add-instance", `{`+instance+`}`), "is there already")
	require.Contains(t, act(409, "add-pool", `{`+instance+`}`), "is there already")
	require.Contains(t, act(409, "add-partition", `{`+instance+`,"partition":"d"}`), "is there already")
	require.Contains(t, act(404, "add-partition", `{"cloudProvider":"AWS","cloudProviderAccountId":"1","instanceId":"i","partition":"/a"}`), "add-instance")
	require.Contains(t, act(400, "add-instance", `{"cloudProvider":"AWS","cloudProviderAccountId":"1","instanceId":"i","partitions":["mnt"]}`), "partitions[0]")
	require.Equal(t, 403, c.call("POST", createPath, `{"instanceIdentifier":{"cloudProvider":"AWS","cloudProviderAccountId":"1","instanceId":"i"},"partition":"/a"}`).Status,
		"nothing of a refused action happened")
	require.Contains(t, act(400, "fail-partition", `{`+instance+`,"partition":"Z"}`), "C, D, E, F")
	require.Contains(t, act(409, "fail-partition", `{`+instance+`,"partition":"C"}`), "NOT_SUPPORTED")
	require.Contains(t, act(400, "internal-server", `{}`), "available")
	require.Contains(t, act(400, "gcp-maintenance", `{"on":true}`), "enabled")
	require.Contains(t, act(400, "set-cloud-account", `{"cloudProvider":"AWS"}`), "cloudProviderAccountId")

	c.Must(200, "POST", "/_sim/reset", "") // its clock runs again, so the token of the frozen one has expired
	c.refresh = c.Must(200, "POST", "/_sim/tokens", `{"vendor":"lucidity"}`).Text(".refreshToken")
	require.Equal(t, "4", c.call("GET", tenantsPath, "").Text(".data.meta.totalCount"))
}

// The journal keeps what a 412 does not say on the vendor's wire.
func TestJournal_KeepsTheCause(t *testing.T) {
	c := newClient(t)
	a := c.call("POST", createPath, `{`+plain+`,"partition":"/"}`)
	require.Equal(t, 412, a.Status)
	id := a.Header.Get("X-Sim-Request-Id")
	require.Contains(t, c.Must(200, "GET", "/_sim/requests/"+id, "").Body, "NOT_SUPPORTED")
}

// A pool that was there stays when the only onboarding into it fails: what comes next must match it still.
func TestPool_OutlivesAFailedOnboarding(t *testing.T) {
	const instance = `"cloudProvider":"AWS","cloudProviderAccountId":"111111111111","instanceId":"i-pooled"`
	c := newClient(t)
	c.Must(200, "POST", "/_sim/actions/lucidity/add-instance", `{`+instance+`,"partitions":["/a","/b"]}`)
	c.Must(200, "POST", "/_sim/actions/lucidity/add-pool", `{`+instance+`,"diskType":"io2"}`)
	require.Equal(t, 202, c.call("POST", createPath, `{"instanceIdentifier":{`+instance+`},"partition":"/a","diskType":"io2"}`).Status)
	c.Must(200, "POST", "/_sim/actions/lucidity/fail-partition", `{`+instance+`,"partition":"/a"}`)
	a := c.call("POST", createPath, `{"instanceIdentifier":{`+instance+`},"partition":"/b","diskType":"gp3"}`)
	require.Equal(t, 412, a.Status, a.Body)
	require.Contains(t, a.Text(".message"), "diskType is 'io2' in the pool")
}
