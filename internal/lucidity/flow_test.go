package lucidity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const (
	createPath  = "/external/client/api/v1/partition/create"
	statusPath  = "/external/client/api/v1/partition/status"
	detailsPath = "/external/client/api/v1/instance/details"
	tenantsPath = "/external/client/api/v1/tenants"
	refreshPath = "/external/api/v1/auth/user-token/refresh"

	plain = `"instanceIdentifier":{"cloudProviderAccountId":"111111111111","cloudProvider":"AWS","instanceId":"i-plain"}`
)

func withFixture(c *simulator.Config) { c.Fixture = "testdata/fixture.yaml" }

// client uses tokens as the product's clients do: after a 401 it refreshes its token once and repeats the call.
type client struct {
	*simtest.Server
	refresh, access string
	refreshed       int
}

func newClient(t *testing.T, opts ...simtest.Option) *client {
	s := simtest.New(t, append([]simtest.Option{withFixture}, opts...)...)
	c := &client{Server: s}
	c.Must(200, "PUT", "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
	c.refresh = c.Must(200, "POST", "/_sim/tokens", `{"vendor":"lucidity"}`).Text(".refreshToken")
	return c
}

func (c *client) renew() {
	c.access = c.Must(200, "POST", refreshPath, `{"refreshToken":"`+c.refresh+`"}`).Text(".accessToken")
	c.refreshed++
}

func (c *client) call(method, path, body string) simtest.Response {
	a := c.Do(method, path, body, "X-Authtype", "lucidity_access_token", "Authorization", c.access)
	if a.Status == 401 {
		c.renew()
		a = c.Do(method, path, body, "X-Authtype", "lucidity_access_token", "Authorization", c.access)
	}
	return a
}

// await polls at intervals of five minutes on the world's clock until the partition has the status.
func (c *client) await(t *testing.T, partition, status string) (polls int) {
	for polls = 1; polls < 100; polls++ {
		a := c.call("POST", statusPath, `{`+plain+`,"partition":"`+partition+`"}`)
		require.Equal(t, 200, a.Status, a.Body)
		if a.Text(".data.status") == status {
			return polls
		}
		c.Must(200, "POST", "/_sim/clock/advance", `{"by":"5m"}`)
	}
	t.Fatalf("%s did not get to %s", partition, status)
	return polls
}

// A typical client creates a partition, polls it, creates a second one that does not match, corrects it, and refreshes
// its token. The clock is frozen, so that an hour of the world takes no longer than the requests.
func TestFlow(t *testing.T) {
	c := newClient(t)
	c.Must(200, "PUT", "/_sim/delays",
		`{"lucidity.partition.queue":"1m","lucidity.partition.onboard":"20m","lucidity.partition.finalize":"2m"}`)
	create := func(partition, diskType string) simtest.Response {
		return c.call("POST", createPath, fmt.Sprintf(`{%s,"partition":%q,"diskType":%q}`, plain, partition, diskType))
	}
	require.Equal(t, 202, create("/mnt/data", "gp3").Status)
	require.Equal(t, 6, c.await(t, "/mnt/data", "PARTITION_STATUS_ONBOARDED"))
	other := create("/mnt/logs", "io2")
	require.Equal(t, 412, other.Status)
	require.Contains(t, other.Text(".message"), "diskType is 'gp3' in the pool")
	require.Equal(t, 202, create("/mnt/logs", "gp3").Status)
	c.await(t, "/mnt/logs", "PARTITION_STATUS_ONBOARDED")
	require.Equal(t, 4, c.refreshed, "once at the start, then each quarter of an hour")
	require.Len(t, c.call("POST", detailsPath, `{`+plain+`}`).Get(".data.managedResponse"), 2)
}

// In the clock mode auto a client that polls does not wait. Delays can be counted in reads: status and details are
// reads, although their method is POST.
func TestPolling_AutoClockAndReads(t *testing.T) {
	asks := map[string]func(c *client) string{
		statusPath: func(c *client) string {
			return c.call("POST", statusPath, `{`+plain+`,"partition":"/mnt/data"}`).Text(".data.status")
		},
		detailsPath: func(c *client) string {
			return c.call("POST", detailsPath, `{`+plain+`}`).Text(".data.managedResponse[0].status")
		},
	}
	for path, done := range map[string]string{statusPath: "PARTITION_STATUS_ONBOARDED", detailsPath: "ON_BOARDED"} {
		t.Run(path, func(t *testing.T) {
			c := newClient(t)
			c.Must(200, "PUT", "/_sim/delays",
				`{"lucidity.partition.queue":"1h","lucidity.partition.onboard":"1h","lucidity.partition.finalize":"reads:2"}`)
			c.Must(200, "PUT", "/_sim/clock", `{"mode":"auto"}`)
			require.Equal(t, 202, c.call("POST", createPath, `{`+plain+`,"partition":"/mnt/data"}`).Status)
			polls := 1
			for polls < 20 && asks[path](c) != done {
				polls++
			}
			require.Less(t, polls, 10)
		})
	}
}

// A token selects its world, and no other world accepts it.
func TestTokens_SelectTheirWorld(t *testing.T) {
	c := newClient(t)
	c.renew()
	made := c.Must(201, "POST", "/_sim/worlds", `{"name":"t1"}`)
	token := made.Text(".tokens.lucidity")
	require.Contains(t, token, "sim.t1.")
	refresh := c.Must(200, "POST", "/_sim/tokens", `{"vendor":"lucidity"}`, "X-Sim-World", "t1").Text(".refreshToken")
	headers := func(token string, more ...string) []string {
		return append([]string{"X-Authtype", "lucidity_access_token", "Authorization", token}, more...)
	}
	require.Equal(t, "t1", c.Must(200, "GET", tenantsPath, "", headers(token)...).Header.Get("X-Sim-World"))
	a := c.Must(200, "POST", refreshPath, `{"refreshToken":"`+refresh+`"}`)
	require.Equal(t, "t1", a.Header.Get("X-Sim-World"), "by the token in the body")
	require.Contains(t, a.Text(".accessToken"), "sim.t1.")
	require.Contains(t, c.Must(401, "GET", tenantsPath, "", headers(token, "X-Sim-World", "default")...).Body,
		"issued for the world")
	require.Equal(t, "Invalid refresh token",
		c.Must(400, "POST", refreshPath, `{"refreshToken":"`+refresh+`"}`, "X-Sim-World", "default").Text(".message"))
	forged := token[:len(token)-1] + map[bool]string{true: "0", false: "1"}[token[len(token)-1] != '0']
	require.Contains(t, c.Must(401, "GET", tenantsPath, "", headers(forged)...).Body, "signature")

	// Tokens survive a reset and a restart.
	c.Must(200, "POST", "/_sim/reset", "", "X-Sim-World", "t1")
	c.Restart()
	c.Must(200, "POST", refreshPath, `{"refreshToken":"`+refresh+`"}`)
}

func TestAuthModes(t *testing.T) {
	for mode, want := range map[string]struct{ opaque, none, garbage int }{
		"lenient": {200, 401, 200}, "strict": {401, 401, 400}, "off": {200, 200, 200},
	} {
		t.Run(mode, func(t *testing.T) {
			c := newClient(t, func(c *simulator.Config) { c.Auth = mode })
			c.renew()
			require.Equal(t, want.opaque, c.Do("GET", tenantsPath, "", "X-Authtype", "lucidity_access_token", "Authorization",
				"opaque").Status)
			require.Equal(t, want.none, c.Do("GET", tenantsPath, "").Status)
			require.Equal(t, want.garbage, c.Do("POST", refreshPath, `{"refreshToken":"garbage"}`).Status)
			require.Equal(t, 200, c.call("GET", tenantsPath, "").Status)
			require.Equal(t, 1, c.refreshed)
		})
	}
}

// Without delays the list and the partition reach their final states at once.
func TestDelays_Instant(t *testing.T) {
	c := newClient(t, func(c *simulator.Config) { c.Delays = "instant" })
	require.Equal(t, 202, c.call("POST", createPath, `{`+plain+`,"partition":"/mnt/data"}`).Status)
	require.Equal(t, 1, c.await(t, "/mnt/data", "PARTITION_STATUS_ONBOARDED"))
	require.Equal(t, 201, c.call("POST", tenantsPath+"/onboard",
		`{`+goodTenant+`,"displayName":"d","productList":["AUTOSCALER"]}`).Status)
	require.Equal(t, "5", c.call("GET", tenantsPath, "").Text(".data.meta.totalCount"))
	require.Equal(t, 202, c.call("POST", createPath, `{`+plain+`,"partition":"/mnt/logs"}`).Status)
}

// The list shows a held write only after its release.
func TestDelays_HeldLag(t *testing.T) {
	c := newClient(t)
	c.Must(200, "PUT", "/_sim/delays", `{"lucidity.tenant.lag":"held"}`)
	a := c.call("POST", tenantsPath+"/onboard", `{`+goodTenant+`,"displayName":"d","productList":["AUTOSCALER"]}`)
	require.Equal(t, 201, a.Status, a.Body)
	c.Must(200, "POST", "/_sim/clock/advance", `{"by":"240h"}`)
	require.Equal(t, "4", c.call("GET", tenantsPath, "").Text(".data.meta.totalCount"))
	c.Must(200, "POST", "/_sim/resources/lucidity.tenant/"+a.Text(".data.tenantId")+"/release", "")
	require.Equal(t, "5", c.call("GET", tenantsPath, "").Text(".data.meta.totalCount"))
}

// Every operation refuses hostile input with the vendor's 400.
func TestHostileBodies(t *testing.T) {
	c := newClient(t)
	c.renew()
	long := fmt.Sprintf("%0*d", 5000, 7)
	account := func(id string) string {
		return `{"cloudEntityInformation":{"cloudProvider":"AWS","cloudProviderAccountId":"` + id + `"}}`
	}
	bodies := map[string]string{
		"empty": ``, "null": `null`, "array": `[]`, "cut off": `{`, "string": `"x"`, "zero byte": "\x00",
		"name is not UTF-8":               "{\"\xff\":1}",
		"null token":                      `{"refreshToken":null}`,
		"token without a world":           `{"refreshToken":"sim."}`,
		"token with empty parts":          `{"refreshToken":"sim.default.refresh..."}`,
		"long token":                      `{"refreshToken":"` + long + `"}`,
		"null instance":                   `{"instanceIdentifier":null,"partition":null}`,
		"instance is an array":            `{"instanceIdentifier":[]}`,
		"provider is an object":           `{"instanceIdentifier":{"cloudProvider":{}}}`,
		"long partition":                  `{` + plain + `,"partition":"` + long + `"}`,
		"partition with a zero character": `{` + plain + `,"partition":"/a\u0000b"}`,
		"long key":                        `{` + plain + `,"partition":"/mnt/data","awsKmsKeyId":"` + long + `"}`,
		"account is a number":             `{"cloudEntityInformation":7}`,
		"long account":                    account(long),
		"account with a zero character":   account(`a\u0000b`),
	}
	for name, op := range map[string]struct{ method, path string }{
		"refresh": {"POST", refreshPath}, "create": {"POST", createPath}, "status": {"POST", statusPath},
		"details": {"POST", detailsPath}, "onboard tenant": {"POST", tenantsPath + "/onboard"},
		"change tenant": {"PATCH", tenantsPath}, "deboard tenant": {"PUT", tenantsPath + "/deboard"},
		"request buffer": {"PATCH", "/external/api/v1/autoscaler/instance/buffer/request"},
	} {
		for what, body := range bodies {
			if op.path == detailsPath && strings.Contains(body, plain) {
				continue // the operation has no partition
			}
			t.Run(name+"/"+what+" is 400", func(t *testing.T) {
				a := c.call(op.method, op.path, body)
				require.Equal(t, 400, a.Status, a.Body)
				require.NotEmpty(t, a.Body)
			})
		}
	}
}

// Fifty calls a minute about buffers are accepted on the world's clock. The next one is a 429, even if it is a read.
// Refused calls do not count, and neither do calls that are older than a minute.
func TestBuffers_RateLimit(t *testing.T) {
	const buffer = "/external/api/v1/autoscaler/instance/buffer"
	c := newClient(t)
	id := c.call("PATCH", buffer+"/request", `{`+plain+`}`).Text(".data.bufferId")
	request := func() int {
		return c.call("PATCH", buffer+"/request", `{`+plain+`,"requestId":"one"}`).Status
	}
	refused := func(t *testing.T) {
		t.Helper()
		for _, a := range []simtest.Response{
			c.call("PATCH", buffer+"/request", `{`+plain+`}`), c.call("GET", buffer+"/"+id+"/status", ""),
			c.call("POST", buffer+"/"+id+"/revoke", ""),
		} {
			require.Equal(t, 429, a.Status, a.Body)
			require.Contains(t, a.Text(".message"), "at most 50 requests per minute; the next one is possible in 30s")
		}
	}
	t.Run("refused calls and reads do not count", func(t *testing.T) {
		for range 60 {
			require.Equal(t, 400, c.call("PATCH", buffer+"/request", `{}`).Status)
			require.Equal(t, 200, c.call("GET", buffer+"/"+id+"/status", "").Status)
		}
	})
	c.Must(200, "POST", "/_sim/clock/advance", `{"by":"30s"}`)
	t.Run("fifty calls are accepted", func(t *testing.T) {
		for range 49 { // the first call was half a minute ago
			require.Equal(t, 200, request())
		}
	})
	t.Run("the next call is 429", refused)
	t.Run("the next call is 429 after a restart", func(t *testing.T) {
		c.Restart()
		refused(t)
	})
	t.Run("a call older than a minute no longer counts", func(t *testing.T) {
		c.Must(200, "POST", "/_sim/clock/advance", `{"by":"30s"}`)
		require.Equal(t, 200, c.call("GET", buffer+"/"+id+"/status", "").Status)
		require.Equal(t, "REVOKED", c.call("POST", buffer+"/"+id+"/revoke", "").Text(".data.status"))
		require.Equal(t, 429, c.call("POST", buffer+"/"+id+"/revoke", "").Status,
			"the other forty-nine count for half a minute more")
	})
	t.Run("calls with one requestId request one buffer", func(t *testing.T) {
		require.Len(t, c.Must(200, "GET", "/_sim/resources?kind=lucidity.buffer", "").Get(".resources"), 2)
	})
}
