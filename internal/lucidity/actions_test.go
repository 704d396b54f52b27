package lucidity_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// azureVM is an instance of an account that the fixture does not have.
const azureVM = `"cloudProvider":"AZURE","cloudProviderAccountId":"sub","instanceId":"vm","resourceGroup":"rg"`

// act calls an action of the vendor and returns the body of the response.
func (c *client) act(status int, name, params string) string {
	return c.Must(status, "POST", "/_sim/actions/lucidity/"+name, params).Body
}

// withAzureVM returns a client of a world in which actions have added azureVM with a pool and four partitions.
func withAzureVM(t *testing.T) *client {
	c := newClient(t)
	c.act(200, "add-instance", `{`+azureVM+`,"partitions":["D","E"]}`)
	c.act(200, "add-partition", `{`+azureVM+`,"partition":"F","diskType":"UltraSSD_LRS"}`)
	c.act(200, "add-partition", `{`+azureVM+`,"partition":"C","status":"NOT_SUPPORTED","reason":"it is the system drive"}`)
	c.act(200, "add-pool", `{`+azureVM+`,"diskType":"Premium_LRS","azureCmkDiskEncryptionSetId":"des"}`)
	return c
}

func TestActions_Add(t *testing.T) {
	c := withAzureVM(t)
	const vm = `{"instanceIdentifier":{` + azureVM + `}`
	t.Run("partitions are listed", func(t *testing.T) {
		require.Len(t, c.call("POST", detailsPath, vm+`}`).Get(".data.unmanagedResponse"), 4)
	})
	t.Run("pool is matched", func(t *testing.T) {
		created := c.call("POST", createPath, vm+`,"partition":"D","azureCmkDiskEncryptionSetId":"des"}`)
		require.Equal(t, 202, created.Status, created.Body)
	})
	t.Run("pool is not matched", func(t *testing.T) {
		require.Equal(t, 412, c.call("POST", createPath, vm+`,"partition":"E"}`).Status)
	})
	t.Run("tenants are listed", func(t *testing.T) {
		c.act(200, "add-tenant", `{"cloudProvider":"GCP","cloudProviderAccountId":"p","status":"DECOMMISSIONED"}`)
		require.Equal(t, "6", c.call("GET", tenantsPath, "").Text(".data.meta.totalCount"), "four of the fixture and two")
	})
}

func TestActions_Refuse(t *testing.T) {
	c := withAzureVM(t)
	const unknown = `"cloudProvider":"AWS","cloudProviderAccountId":"1","instanceId":"i"`
	for name, refused := range map[string]struct {
		status               int
		action, params, want string
	}{
		"existing instance":           {409, "add-instance", `{` + azureVM + `}`, "already exists"},
		"existing pool":               {409, "add-pool", `{` + azureVM + `}`, "already exists"},
		"existing partition":          {409, "add-partition", `{` + azureVM + `,"partition":"d"}`, "already exists"},
		"partition without instance":  {404, "add-partition", `{` + unknown + `,"partition":"/a"}`, "add-instance"},
		"invalid partition":           {400, "add-instance", `{` + unknown + `,"partitions":["mnt"]}`, "partitions[0]"},
		"unknown partition":           {400, "fail-partition", `{` + azureVM + `,"partition":"Z"}`, "C, D, E, F"},
		"unsupported partition":       {409, "fail-partition", `{` + azureVM + `,"partition":"C"}`, "NOT_SUPPORTED"},
		"server without available":    {400, "internal-server", `{}`, "available"},
		"maintenance without enabled": {400, "gcp-maintenance", `{"on":true}`, "enabled"},
		"account without ID":          {400, "set-cloud-account", `{"cloudProvider":"AWS"}`, "cloudProviderAccountId"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, c.act(refused.status, refused.action, refused.params), refused.want)
		})
	}
	t.Run("refused action has no effect", func(t *testing.T) {
		body := `{"instanceIdentifier":{` + unknown + `},"partition":"/a"}`
		require.Equal(t, 403, c.call("POST", createPath, body).Status)
	})
}

func TestActions_ResetRemovesWhatTheyAdded(t *testing.T) {
	c := withAzureVM(t)
	c.Must(200, "POST", "/_sim/reset", "") // its clock runs again, so that the token of the frozen clock has expired
	c.refresh = c.Must(200, "POST", "/_sim/tokens", `{"vendor":"lucidity"}`).Text(".refreshToken")
	require.Equal(t, "4", c.call("GET", tenantsPath, "").Text(".data.meta.totalCount"))
}

// The journal has the cause that the response of a 412 lacks.
func TestJournal_KeepsTheCause(t *testing.T) {
	c := newClient(t)
	a := c.call("POST", createPath, `{`+plain+`,"partition":"/"}`)
	require.Equal(t, 412, a.Status)
	id := a.Header.Get("X-Sim-Request-Id")
	require.Contains(t, c.Must(200, "GET", "/_sim/requests/"+id, "").Body, "NOT_SUPPORTED")
}

// A pool that existed before survives a failed onboarding: the next partition must still match it.
func TestPool_OutlivesAFailedOnboarding(t *testing.T) {
	const instance = `"cloudProvider":"AWS","cloudProviderAccountId":"111111111111","instanceId":"i-pooled"`
	c := newClient(t)
	c.Must(200, "POST", "/_sim/actions/lucidity/add-instance", `{`+instance+`,"partitions":["/a","/b"]}`)
	c.Must(200, "POST", "/_sim/actions/lucidity/add-pool", `{`+instance+`,"diskType":"io2"}`)
	require.Equal(t, 202, c.call("POST", createPath,
		`{"instanceIdentifier":{`+instance+`},"partition":"/a","diskType":"io2"}`).Status)
	c.Must(200, "POST", "/_sim/actions/lucidity/fail-partition", `{`+instance+`,"partition":"/a"}`)
	a := c.call("POST", createPath, `{"instanceIdentifier":{`+instance+`},"partition":"/b","diskType":"gp3"}`)
	require.Equal(t, 412, a.Status, a.Body)
	require.Contains(t, a.Text(".message"), "diskType is 'io2' in the pool")
}
