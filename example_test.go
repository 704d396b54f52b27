package storagesim_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"storagesim"
	"storagesim/lightbits"
)

// t is the *testing.T that a test has and an example has not.
var t exampleT // so that the examples read as tests

type exampleT struct{}

func (exampleT) Helper()                           {}
func (exampleT) Cleanup(func())                    {} // the worlds end with the process
func (exampleT) Failed() bool                      { return false }
func (exampleT) Logf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (exampleT) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// do stands for the client under test. It returns the status, and 0 if there was no response.
func do(w *storagesim.World, method, path, body string) int {
	req, _ := http.NewRequest(method, w.Lightbits().URL+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer any")
	resp, err := w.Client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

const (
	vol1    = "/projects/default/volumes/?name=vol1"
	newVol1 = `{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`
)

func ExampleStart() {
	w := storagesim.Start(t) // a world of this test's own
	fmt.Println(do(w, "GET", "/cluster", ""))
	// Output: 200
}

// While the clock stands, a volume stays in the state Creating, so its deletion is refused as on the product.
func ExampleWorld_Until() {
	w := storagesim.Start(t, storagesim.Frozen())
	do(w, "POST", "/projects/default/volumes", newVol1)
	fmt.Println(w.Volume("vol1").State(), do(w, "DELETE", vol1, ""))
	w.Until(w.Volume("vol1"), "Available")
	fmt.Println(w.Volume("vol1").State(), do(w, "DELETE", vol1, ""))
	// Output:
	// Creating 503
	// Available 200
}

func ExampleWorld_Hold() {
	w := storagesim.Start(t)
	w.Hold(lightbits.DelayVolumeCreate)
	do(w, "POST", "/projects/default/volumes", newVol1)
	w.Advance(24 * time.Hour)
	fmt.Println(w.Volume("vol1").State())
	w.Release(w.Volume("vol1"))
	fmt.Println(w.Volume("vol1").State())
	// Output:
	// Creating
	// Available
}

func ExampleWorld_Fault() {
	w := storagesim.Start(t)
	w.Fault(lightbits.GetCluster.Status(503).Times(1))
	fmt.Println(do(w, "GET", "/cluster", ""), do(w, "GET", "/cluster", ""))
	// Output: 503 200
}

// The volume is created, and the response is lost.
func ExampleFault_After() {
	w := storagesim.Start(t)
	w.Fault(lightbits.CreateVolume.Reset().After().Times(1))
	fmt.Println(do(w, "POST", "/projects/default/volumes", newVol1), do(w, "GET", vol1, ""))
	// Output: 0 200
}

func ExampleWorld_Plan() {
	w := storagesim.Start(t)
	plan := w.Plan(lightbits.GetCluster, "500", "pass", "503")
	for range 4 {
		fmt.Print(do(w, "GET", "/cluster", ""), " ")
	}
	fmt.Println(plan.Completed())
	// Output: 500 200 503 200 true
}

func ExampleWorld_Expect() {
	w := storagesim.Start(t)
	do(w, "GET", "/cluster", "")
	w.Expect(storagesim.Calls(lightbits.GetCluster).Max(1)) // holds
	w.Expect(storagesim.Met(lightbits.GetCluster, 503))
	// Output: storagesim: lightbits.GetCluster 503: expected at least 1, but found 0
}

func ExampleWorld_Explain() {
	w := storagesim.Start(t)
	req, _ := http.NewRequest("GET", w.Lightbits().URL+"/clusterz", http.NoBody)
	resp, err := w.Client.Do(req)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer resp.Body.Close()
	e := w.Explain(resp)
	fmt.Println(e.Status, e.Cause["kind"], e.WouldWork[0])
	// Output: 404 route GET /api/v2/cluster
}

// One set-up, and a world for each case that starts from it.
func ExampleFrom() {
	w := storagesim.Start(t)
	do(w, "POST", "/projects/default/volumes", newVol1)
	w.Until(w.Volume("vol1"), "Available")
	ready := w.Checkpoint()
	for range 2 {
		fork := storagesim.Start(t, storagesim.From(ready))
		fmt.Println(do(fork, "DELETE", vol1, ""))
	}
	// Output:
	// 200
	// 200
}

func ExampleWorld_Node() {
	w := storagesim.Start(t, storagesim.Frozen())
	node := w.Node("server00-0")
	node.Fail()
	fmt.Println(node.State())
	node.Recover()
	w.Until(node.Resource, "Active")
	fmt.Println(node.State())
	// Output:
	// Inactive
	// Active
}

func ExampleAccess_Token() {
	w := storagesim.Start(t, storagesim.StrictAuth())
	fmt.Println(do(w, "GET", "/cluster", ""))
	req, _ := http.NewRequest("GET", w.Lightbits().URL+"/cluster", http.NoBody)
	req.Header.Set("Authorization", "Bearer "+w.Lightbits().Token("system:viewer", time.Hour))
	resp, err := w.Client.Do(req)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output:
	// 401
	// 200
}
