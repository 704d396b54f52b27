package lucidlink_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// The client of the fixture small.
const (
	clientID     = "lucidlink-client"
	clientSecret = "lucidlink-secret"
)

// newServer starts a simulator whose clock is frozen at the start of January 2027. Its requests carry an opaque token.
func newServer(t *testing.T, opts ...simtest.Option) *simtest.Server {
	t.Helper()
	s := simtest.New(t, opts...)
	s.Header.Set("Authorization", "opaque")
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2027-01-01T00:00:00Z"}`)
	return s
}

func tokenOf(s *simtest.Server, id, secret string) string {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	return s.Must(200, http.MethodPost, "/oauth2/token", form.Encode(), "Authorization", "").Text(".access_token")
}

// initialized creates an initialized filespace and returns its ID.
func initialized(s *simtest.Server, name, more string) (id string) {
	domain := s.Must(200, http.MethodGet, "/v1/domains", "").Text(".0.id")
	f := s.Must(201, http.MethodPost, "/v1/filespaces", fmt.Sprintf(`{"domain":%q,"name":%q,%s}`, domain, name, more))
	s.Must(200, http.MethodPost, "/_sim/resources/lucidlink.filespace/"+f.Text(".id")+"/release", "")
	s.Must(200, http.MethodPost, "/_sim/actions/lucidlink/initialize-filespace",
		fmt.Sprintf(`{"filespace":%q}`, f.Text(".id")))
	return f.Text(".id")
}

const awsStorage = `"storage":{"provider":"AWS","region":"eu-west-1"}`

func TestAuth_Modes(t *testing.T) {
	auth := func(mode string) simtest.Option { return func(c *simulator.Config) { c.Auth = mode } }
	for mode, want := range map[string]map[string]int{
		"lenient": {"": 401, "anything": 200, "Bearer anything": 200, "Bearer": 401, "Bearer ": 401, "Basic eDp5": 401,
			"sim.default.x.y": 401, "sim.": 401},
		"strict": {"": 401, "anything": 401, "Bearer anything": 401, "sim.default.x.y": 401},
		"off":    {"": 200, "anything": 200, "sim.default.x.y": 200},
	} {
		s := newServer(t, auth(mode))
		for header, status := range want {
			a := s.Must(status, http.MethodGet, "/v1/domains", "", "Authorization", header)
			if status == 401 {
				require.JSONEq(t, `{"status":401,"message":"Illegal request"}`, a.Body)
			}
		}
		s.Must(200, http.MethodGet, "/v1/domains", "", "Authorization", tokenOf(s, clientID, clientSecret))
	}
}

// The vendor's example: curl --http1.0 -u … -d grant_type=client_credentials.
func TestCreateAccessToken_HTTP10(t *testing.T) {
	s := newServer(t)
	conn := simtest.Dial(t, s.URL)
	const form = "grant_type=client_credentials"
	_, err := fmt.Fprintf(conn,
		"POST /oauth2/token HTTP/1.0\r\nAuthorization: Basic bHVjaWRsaW5rLWNsaWVudDpsdWNpZGxpbmstc2VjcmV0\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(form), form)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "%s", text)
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(text, &token))
	s.Must(200, http.MethodGet, "/v1/domains", "", "Authorization", token.AccessToken)
}

// A secret may contain any character. Libraries escape it for Basic, curl does not.
func TestCreateAccessToken_EscapedSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "odd.yaml")
	require.NoError(t,
		os.WriteFile(file,
			[]byte("lucidlink:\n  accounts:\n    - {name: odd, clients: [{clientId: a+b, clientSecret: \"p%41 +&:\"}]}\n"),
			0o600))
	s := newServer(t, func(c *simulator.Config) { c.Fixture = file })
	ask := func(id, secret string) int {
		req, err := http.NewRequest(http.MethodPost, s.URL+"/oauth2/token",
			strings.NewReader("grant_type=client_credentials"))
		require.NoError(t, err)
		req.SetBasicAuth(id, secret)
		resp, err := s.Client.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, 200, ask(url.QueryEscape("a+b"), url.QueryEscape("p%41 +&:")))
	require.Equal(t, 400, ask(url.QueryEscape("a+b"), "pA +&:"))
	require.NotEmpty(t, tokenOf(s, "a+b", "p%41 +&:"))
}

// A token selects its world, and no other world accepts it.
func TestTokens_SelectTheirWorld(t *testing.T) {
	s := newServer(t)
	token := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1"}`).Text(".tokens.lucidlink")
	require.True(t, strings.HasPrefix(token, "sim.t1."), token)

	t.Run("token", func(t *testing.T) {
		a := s.Must(200, http.MethodGet, "/v1/domains", "", "Authorization", token)
		require.Equal(t, "t1", a.Header.Get("X-Sim-World"))
	})
	t.Run("token and header of another world", func(t *testing.T) {
		s.Must(401, http.MethodGet, "/v1/domains", "", "Authorization", token, "X-Sim-World", "default")
	})
	t.Run("changed world in the token", func(t *testing.T) {
		other := strings.Replace(token, "sim.t1.", "sim.default.", 1)
		s.Must(401, http.MethodGet, "/v1/domains", "", "Authorization", other)
	})
	t.Run("unknown world in the token", func(t *testing.T) {
		unknown := strings.Replace(token, "sim.t1.", "sim.t9.", 1)
		s.Must(404, http.MethodGet, "/v1/domains", "", "Authorization", unknown)
	})
	t.Run("client", func(t *testing.T) {
		minted := s.In("t1").Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidlink"}`)
		id, secret := minted.Text(".clientId"), minted.Text(".clientSecret")
		require.True(t, strings.HasPrefix(tokenOf(s, id, secret), "sim.t1."), "in the form")
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
		a := s.Must(200, http.MethodPost, "/oauth2/token", "grant_type=client_credentials", "Authorization", basic)
		require.Equal(t, "t1", a.Header.Get("X-Sim-World"), "with Basic")
	})
	t.Run("token survives a reset", func(t *testing.T) {
		s.In("t1").Must(200, http.MethodPost, "/_sim/reset", "")
		s.Must(200, http.MethodGet, "/v1/domains", "", "Authorization", token)
	})
}

// Minted tokens and accounts do not advance the generator of IDs.
func TestTokens_MintingKeepsIDs(t *testing.T) {
	s := newServer(t)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1"}`)
	first := s.In("t1").Must(201, http.MethodPost, "/v1/filespaces", createIn(s, "t1")).Text(".id")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t2"}`)
	s.In("t2").Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidlink","role":"partner","ttl":"5h"}`)
	require.Equal(t, first, s.In("t2").Must(201, http.MethodPost, "/v1/filespaces", createIn(s, "t2")).Text(".id"))
}

func createIn(s *simtest.Server, world string) string {
	domain := s.In(world).Must(200, http.MethodGet, "/v1/domains", "").Text(".0.id")
	return fmt.Sprintf(`{"domain":%q,"name":"files",%s}`, domain, awsStorage)
}

// The reason of a 401 is in the journal, not on the wire.
func TestAuth_ReasonIsInTheJournal(t *testing.T) {
	s := newServer(t)
	token := tokenOf(s, clientID, clientSecret)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1h"}`)
	a := s.Must(401, http.MethodGet, "/v1/domains", "", "Authorization", token)
	entry := s.Must(200, http.MethodGet, "/_sim/requests/"+a.Header.Get("X-Sim-Request-Id"), "")
	require.Contains(t, entry.Body, "the token expired at 2027-01-01T01:00:00Z")
	require.Contains(t, entry.Body, clientID)
}

// An unchanged filespace for 15 months: each month costs the same, and the periods have no gaps.
func TestInvoices_EveryMonth(t *testing.T) {
	s := newServer(t)
	id := initialized(s, "steady", `"subscriptionType":"enterprise","storage":{"provider":"IBM","region":"eu-de"}`)
	s.Must(200, http.MethodPost, "/_sim/actions/lucidlink/use-storage",
		fmt.Sprintf(`{"filespace":%q,"write":%d}`, id, 1<<40))
	s.Must(200, http.MethodPost, "/_sim/actions/lucidlink/add-user", fmt.Sprintf(`{"filespace":%q,"user":"ann"}`, id))
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"to":"2028-04-01T00:00:00Z"}`)
	var list []struct {
		AmountDue, PeriodStart, PeriodEnd, Date int64
		FilespaceBreakdown                      []struct{ SubscriptionType string }
	}
	require.NoError(t, json.Unmarshal([]byte(s.Must(200, http.MethodGet, "/v1/billing/invoices", "").Body), &list))
	require.Len(t, list, 15)
	slices.Reverse(list)
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, inv := range list {
		require.EqualValues(t, 10000+1500, inv.AmountDue)
		require.Equal(t, end.UnixMilli(), inv.PeriodStart)
		end = end.AddDate(0, 1, 0)
		require.Equal(t, end.UnixMilli(), inv.PeriodEnd)
		require.Equal(t, inv.PeriodEnd, inv.Date)
		require.Equal(t, "advanced", inv.FilespaceBreakdown[0].SubscriptionType)
	}
}

// The lines of many filespaces with uneven prices add up to the cent, in the period and on its invoice, and the invoice
// equals the forecast.
func TestInvoices_AddUpToTheCent(t *testing.T) {
	s := newServer(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 2))
	for i := range 12 {
		id := initialized(s, fmt.Sprintf("odd-%d", i), awsStorage)
		s.Must(200, http.MethodPost, "/_sim/actions/lucidlink/use-storage",
			fmt.Sprintf(`{"filespace":%q,"write":%d}`, id, 1+random.Int64N(1<<41)))
		s.Must(200, http.MethodPost, "/_sim/clock/advance", fmt.Sprintf(`{"by":"%dms"}`, 1+random.Int64N(36*3600*1000)))
		if i%3 == 0 {
			s.Must(204, http.MethodDelete, "/v1/filespaces/"+id, "")
		}
	}
	type part struct{ AmountDue, AmountDueForecast int64 }
	var whole struct {
		AmountDue, AmountDueForecast int64
		FilespaceBreakdown           []part
	}
	sum := func(of func(part) int64) (n int64) {
		for _, p := range whole.FilespaceBreakdown {
			n += of(p)
		}
		return n
	}
	require.NoError(t, json.Unmarshal([]byte(s.Must(200, http.MethodGet, "/v1/billing/current-period", "").Body), &whole))
	require.Len(t, whole.FilespaceBreakdown, 12)
	require.Equal(t, whole.AmountDue, sum(func(p part) int64 { return p.AmountDue }), "seed %d", seed)
	require.Equal(t, whole.AmountDueForecast, sum(func(p part) int64 { return p.AmountDueForecast }), "seed %d", seed)
	forecast := whole.AmountDueForecast
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"to":"2027-02-01T00:00:00Z"}`)
	a := s.Must(200, http.MethodGet, "/v1/billing/invoices", "")
	require.NoError(t, json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(a.Body, "["), "]")), &whole))
	require.Equal(t, forecast, whole.AmountDue, "seed %d", seed)
	require.Equal(t, whole.AmountDue, sum(func(p part) int64 { return p.AmountDue }), "seed %d", seed)
	breakdown := s.Must(200, http.MethodGet, "/v1/billing/invoices/"+a.Text(".0.id")+"/breakdown/csv", "")
	require.Equal(t, "text/csv; charset=utf-8", breakdown.Header.Get("Content-Type"))
	require.Len(t, strings.Split(strings.TrimSpace(breakdown.Body), "\r\n"), 13)
}

// The used storage equals that of a model with every single byte.
func TestUsedStorage_Model(t *testing.T) {
	s := newServer(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 3))
	id := initialized(s, "model", awsStorage)
	s.Must(200, http.MethodPost, "/app/link", `{"fs":"model","user":"root","password":"root"}`)
	var live []int
	snaps := map[int][]int{}
	next, last := 0, 0
	for range 150 {
		switch random.IntN(4) {
		case 0, 1:
			write, gone := random.IntN(20), random.IntN(len(live)+1)
			if write+gone == 0 {
				continue
			}
			live = live[gone:]
			for range write {
				live = append(live, next)
				next++
			}
			s.Must(200, http.MethodPost, "/_sim/actions/lucidlink/use-storage",
				fmt.Sprintf(`{"filespace":"model","write":%d,"delete":%d}`, write, gone))
		case 2:
			last++
			snaps[last] = slices.Clone(live)
			s.Must(201, http.MethodPost, "/app/snapshots", `{"password":"root"}`)
		case 3:
			for snap := range snaps {
				delete(snaps, snap)
				s.Must(204, http.MethodDelete, fmt.Sprintf("/app/snapshots/%d", snap), `{"password":"root"}`)
				break
			}
		}
		held := map[int]bool{}
		for _, bytes := range append([][]int{live}, mapsValues(snaps)...) {
			for _, b := range bytes {
				held[b] = true
			}
		}
		a := s.Must(200, http.MethodGet, "/v1/filespaces/"+id, "")
		require.Equal(t, fmt.Sprint(len(held)), a.Text(".stats.usedStorage"), "seed %d", seed)
		require.Equal(t, fmt.Sprint(len(live)), a.Text(".stats.filespaceSize"), "seed %d", seed)
	}
}

func mapsValues(m map[int][]int) (all [][]int) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// In the clock mode auto a filespace is provisioned at the second poll, with either form of the list.
func TestFilespaces_AutoClock(t *testing.T) {
	for _, poll := range []string{"", "?qualifiedName=waits.example"} {
		s := newServer(t)
		s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"auto"}`)
		s.Must(200, http.MethodPut, "/_sim/delays", `{"lucidlink.filespace.provision":"90s"}`)
		domain := s.Must(200, http.MethodGet, "/v1/domains", "").Text(".0.id")
		s.Must(201, http.MethodPost, "/v1/filespaces", fmt.Sprintf(`{"domain":%q,"name":"waits",%s}`, domain, awsStorage))
		s.Must(200, http.MethodGet, "/v1/filespaces"+poll, "")
		require.Equal(t, "provisioned", s.Must(200, http.MethodGet, "/v1/filespaces"+poll, "").Text(".0.status"))
	}
}
