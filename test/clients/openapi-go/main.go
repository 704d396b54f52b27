// Command openapi-go drives a running simulator with only the clients that oapi-codegen generates from the simulator's
// OpenAPI documents, as a user would. run.sh fetches the documents, generates the clients and starts it. It prints the
// first unexpected response and exits with 1.
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

// world is the world of the program, with a frozen clock.
type world struct {
	url, name string
	tokens    map[string]string
	control   *control.ClientWithResponses
}

// worldName is a request editor that names the world in every request.
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

// expect returns an error with both values if a response does not have the expected one.
func expect[V comparable](what string, want, got V) error {
	if want == got {
		return nil
	}
	return fmt.Errorf("%s is %v, not %v", what, got, want)
}

// answered returns the error of a call, or an error with the body if the response does not have the status.
func answered(err error, want int, resp *http.Response, body []byte) error {
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s answers %d, not %d: %s", resp.Request.Method, resp.Request.URL, resp.StatusCode, want, body)
	}
	return expect("X-Sim-World", worldName, resp.Header.Get("X-Sim-World"))
}

// of returns the value of a pointer of a generated type, or the zero value, so that the error for a missing member
// names the expected value.
func of[V any](p *V) V {
	var zero V
	if p == nil {
		return zero
	}
	return *p
}

var errNoBody = errors.New("the client has found no body of the documented type")
