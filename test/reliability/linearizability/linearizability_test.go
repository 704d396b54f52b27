// Package linearizability records the requests and responses of concurrent clients that use a few volumes over HTTP,
// also across kill -9, and checks with porcupine that the history is linearizable.
package linearizability

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

type kind int

const (
	create kind = iota
	get
	update // with If-Match
	remove
)

// operation is one request about a volume.
type operation struct {
	kind  kind
	name  string
	match string // update: the value of If-Match
	label string // update: the label to write
}

// response is the response to an operation.
type response struct {
	lost   bool // there was no response, so the request may or may not have happened
	status int
	uuid   string
	etag   string
	label  string
}

// state is the state of a volume in the model.
type state struct {
	there bool
	uuid  string // "" if no response had it yet
	etag  string // "" if no response had it yet
	label string
}

// model has one volume per name. Operations take effect immediately, since the delays are instant. Steps with a lost
// response are nondeterministic. An unknown value of a state is taken from the first response that has it.
var model = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byName := map[string][]porcupine.Operation{}
		for _, op := range history {
			name := op.Input.(operation).name
			byName[name] = append(byName[name], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byName {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() []any { return []any{state{}} },
	Step: func(before, input, output any) []any {
		var after []any
		for _, s := range step(before.(state), input.(operation), output.(response)) {
			after = append(after, s)
		}
		return after
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}).ToModel()

// step returns the possible states of the volume after the request; none if the response is impossible.
func step(s state, q operation, a response) []state {
	if a.lost {
		return lost(s, q)
	}
	switch q.kind {
	case create:
		switch {
		case a.status == 409 && s.there:
			return []state{s}
		case a.status == 200 && !s.there:
			return []state{{there: true, uuid: a.uuid}} // its ETag changes when it becomes Available
		}
	case get:
		switch {
		case a.status == 404 && !s.there:
			return []state{s}
		case a.status == 200 && s.there && a.label == s.label && same(s.uuid, a.uuid) && same(s.etag, a.etag):
			s.uuid, s.etag = a.uuid, a.etag
			return []state{s}
		}
	case update:
		switch {
		case a.status == 404 && !s.there, a.status == 412 && s.there && s.etag != q.match:
			return []state{s}
		case a.status == 200 && s.there && same(s.etag, q.match):
			s.label, s.etag = q.label, ""
			return []state{s}
		}
	case remove:
		switch {
		case a.status == 404 && !s.there:
			return []state{s}
		case a.status == 200 && s.there:
			return []state{{}}
		}
	}
	return nil
}

// same reports whether a received value agrees with the known one, if any.
func same(known, received string) bool { return known == "" || known == received }

// lost is step for a request without a response: it happened, if it could, or it did not.
func lost(s state, q operation) []state {
	switch {
	case q.kind == create && !s.there:
		return []state{s, {there: true}}
	case q.kind == update && s.there && same(s.etag, q.match):
		return []state{s, {there: true, uuid: s.uuid, label: q.label}}
	case q.kind == remove && s.there:
		return []state{s, {}}
	}
	return []state{s}
}

// recorder collects a history. Times are relative to began.
type recorder struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func (r *recorder) now() int64 { return int64(time.Since(r.began)) }

func (r *recorder) add(client int, q operation, a response, call, end int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{ClientId: client, Input: q, Output: a, Call: call, Return: end})
}

const volumesPath = "/api/v2/projects/default/volumes"

// ask sends one request. Known is false if the response does not belong in the history. The response to a create or a
// delete precedes its transition. With instant delays the transition happens before the next request, so clients never
// observe the state in between.
func send(client *http.Client, base string, q operation) (a response, known bool, err error) {
	var method, path, body string
	var header []string
	byName := volumesPath + "/?name=" + q.name
	switch q.kind {
	case create:
		method, path = http.MethodPost, volumesPath
		body = `{"name":"` + q.name + `","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`
	case get:
		method, path = http.MethodGet, byName
	case update:
		method, path, header = http.MethodPut, byName, []string{"If-Match", q.match}
		body = `{"labels":[{"key":"by","value":"` + q.label + `"}]}`
	case remove:
		method, path = http.MethodDelete, byName
	}
	got, err := program.Call(client, method, base+path, "", body, header...)
	if err != nil {
		return response{lost: true}, true, nil
	}
	a.status = got.Status
	switch got.Status {
	case 200:
	case 404, 409, 412:
		return a, true, nil
	case 503: // the volume was in a temporary state, and nothing happened
		return a, false, nil
	default:
		return a, false, fmt.Errorf("%s %s returned %d %s", method, path, got.Status, got.Text)
	}
	var v struct {
		UUID, ETag string
		Labels     []struct{ Value string }
	}
	if q.kind == create || q.kind == get {
		if err := json.Unmarshal([]byte(got.Text), &v); err != nil {
			return a, false, err
		}
	}
	if a.uuid, a.etag = v.UUID, v.ETag; len(v.Labels) > 0 {
		a.label = v.Labels[0].Value
	}
	return a, true, nil
}

// worker sends the given number of requests, or fewer if the process ends. Its last request may have no response.
func (r *recorder) worker(t *testing.T, id int, random *rand.Rand, base string, requests int, answered *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	etags := map[string]string{} // the ETags that this client has read last
	for i := range requests {
		q := operation{name: "v" + strconv.Itoa(random.IntN(3))}
		switch draw := random.IntN(100); {
		case draw < 15:
			q.kind = create
		case draw < 50 || etags[q.name] == "":
			q.kind = get
		case draw < 85:
			q.kind, q.match, q.label = update, etags[q.name], fmt.Sprintf("c%d-%d-%d", id, i, random.Uint32())
		default:
			q.kind = remove
		}
		call := r.now()
		a, known, err := send(client, base, q)
		end := r.now()
		switch {
		case err != nil:
			t.Error(err)
			return
		case a.lost:
			r.add(id, q, a, call, int64(1)<<62) // it may happen at any later time
			return
		case known:
			r.add(id, q, a, call, end)
		}
		if q.kind == get {
			etags[q.name] = a.etag
		}
		answered.Add(1)
	}
}

// record returns the history of eight clients, in rounds between which the process is killed.
func record(t *testing.T, rounds, requests int) []porcupine.Operation {
	t.Helper()
	binary := os.Getenv("SIMULATOR")
	if binary == "" {
		t.Skip("SIMULATOR does not name a binary; `make reliability` sets it")
	}
	seed := rand.Uint64()
	if text := os.Getenv("SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "SEED")
	}
	t.Logf("SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	r := &recorder{began: time.Now()}
	for round := range rounds {
		p, err := program.Start(binary, "", "--data", dir, "--delays", "instant")
		require.NoError(t, err)
		var answered atomic.Int64
		var work sync.WaitGroup
		for c := range 8 {
			own := rand.New(rand.NewPCG(random.Uint64(), 1))
			work.Go(func() { r.worker(t, round*8+c, own, p.HTTP, requests, &answered) })
		}
		if round < rounds-1 {
			enough := int64(requests*2 + random.IntN(requests*4))
			for answered.Load() < enough && !t.Failed() {
				// A request instead of a sleep between two looks at the count.
				a, err := program.Call(http.DefaultClient, http.MethodGet, p.HTTP+"/_sim/health", "", "")
				require.NoError(t, err)
				require.Equal(t, 200, a.Status)
			}
			p.Kill()
		}
		work.Wait()
		p.Kill()
	}
	return r.ops
}

func requireOrder(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	kinds, missing := map[string]int{}, 0
	for _, op := range history {
		a := op.Output.(response)
		kinds[fmt.Sprint([]string{"create", "get", "update", "delete"}[op.Input.(operation).kind], " ", a.status)]++
		if a.lost {
			missing++
		}
	}
	t.Logf("%d operations, %d without a response: %v", len(history), missing, kinds)
	require.Positive(t, kinds["update 200"])
	require.Positive(t, kinds["update 412"], "no If-Match was stale, so the test shows nothing")
	result := porcupine.CheckOperationsTimeout(model, history, 2*time.Minute)
	require.Equal(t, porcupine.Ok, result, "the history is not linearizable")

	// The check can fail: the same history with one changed read is not linearizable.
	for i, op := range history {
		if a := op.Output.(response); op.Input.(operation).kind == get && a.status == 200 && a.label != "" {
			falsified := append([]porcupine.Operation(nil), history...)
			a.label = "nobody wrote this"
			falsified[i].Output = a
			result := porcupine.CheckOperationsTimeout(model, falsified, 2*time.Minute)
			require.Equal(t, porcupine.Illegal, result, "a falsified history passes")
			return
		}
	}
	t.Fatal("no read returned an update, so the test shows nothing")
}

func TestHistory_OfOneProcess(t *testing.T) { requireOrder(t, record(t, 1, 400)) }

func TestHistory_AcrossKills(t *testing.T) { requireOrder(t, record(t, 6, 150)) }

// The model refuses the responses of a broken server.
func TestModel_Refuses(t *testing.T) {
	made := response{status: 200, uuid: "u", etag: ""}
	read := response{status: 200, uuid: "u", etag: "2"}
	for name, steps := range map[string][]struct {
		q operation
		a response
	}{
		"a lost update": {
			{operation{kind: create}, made}, {operation{kind: get}, read},
			{operation{kind: update, match: "2", label: "x"}, response{status: 200}},
			{operation{kind: get}, response{status: 200, uuid: "u", etag: "2"}},
		},
		"two updates of one ETag": {
			{operation{kind: create}, made}, {operation{kind: get}, read},
			{operation{kind: update, match: "2", label: "x"}, response{status: 200}},
			{operation{kind: get}, response{status: 200, uuid: "u", etag: "3", label: "x"}},
			{operation{kind: update, match: "2", label: "y"}, response{status: 200}},
		},
		"a lost create": {{operation{kind: create}, made}, {operation{kind: get}, response{status: 404}}},
		"a create of another": {
			{operation{kind: create}, made}, {operation{kind: get}, response{status: 200, uuid: "w", etag: "2"}},
		},
		"two of one name": {
			{operation{kind: create}, made}, {operation{kind: create}, response{status: 200, uuid: "w"}},
		},
		"a deleted one": {
			{operation{kind: create}, made}, {operation{kind: remove}, response{status: 200}}, {operation{kind: get}, read},
		},
	} {
		var history []porcupine.Operation
		for i, s := range steps {
			s.q.name = "v"
			history = append(history, porcupine.Operation{Input: s.q, Output: s.a, Call: int64(2 * i), Return: int64(2*i + 1)})
		}
		require.False(t, porcupine.CheckOperations(model, history), name)
	}
}
