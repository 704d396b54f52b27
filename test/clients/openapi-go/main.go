// Command openapi-go is a small program of a user: it drives a running simulator with nothing but the clients that
// oapi-codegen makes of the simulator's own OpenAPI documents. run.sh fetches the documents, makes the clients and starts
// it. It exits with 1 at the first answer that is not what a user expects, and says which.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"storagesim/test/clients/openapi-go/generated/control"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openapi-go URL")
		os.Exit(1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "openapi-go: %v\n", err)
		cancel()
		os.Exit(1)
	}
	fmt.Println("openapi-go: five clients, and every answer as expected")
}

// world is what the program does everything in: one of its own, whose clock stands still.
type world struct {
	url, name string
	tokens    map[string]string
	control   *control.ClientWithResponses
}

// worldName names the world in every request; each generated client takes it as a request editor.
const worldName = "openapi-go"

func run(ctx context.Context, url string) error {
	w, err := newWorld(ctx, url)
	if err != nil {
		return fmt.Errorf("the world: %w", err)
	}
	for _, part := range []struct {
		name string
		do   func(context.Context, *world) error
	}{
		{"a typo", typo}, {"Lightbits", lightbitsVolume}, {"the journal", journal}, {"verification", verification},
		{"DMS", dmsClusters}, {"LucidLink", lucidlinkFilespace}, {"Lucidity", lucidityTenants}, {"the world's end", end},
	} {
		if err := part.do(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// header is a request editor that sets a header.
func header(name, value string) func(context.Context, *http.Request) error {
	return func(_ context.Context, req *http.Request) error {
		req.Header.Set(name, value)
		return nil
	}
}

// expect says what an answer has, where that is not what it should have.
func expect[V comparable](what string, want, got V) error {
	if want == got {
		return nil
	}
	return fmt.Errorf("%s is %v, not %v", what, got, want)
}

// answered is the error of a call, or that its answer is not of the status; body is told then.
func answered(err error, want int, resp *http.Response, body []byte) error {
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s answers %d, not %d: %s", resp.Request.Method, resp.Request.URL, resp.StatusCode, want, body)
	}
	return expect("X-Sim-World", worldName, resp.Header.Get("X-Sim-World"))
}

// of is what a pointer of a generated type points to, or the zero value, so that a member that is missing is told by
// what it should have been.
func of[V any](p *V) V {
	var zero V
	if p == nil {
		return zero
	}
	return *p
}

var errNoBody = errors.New("the client has found no body of the documented type")
