package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"storagesim/test/clients/openapi-go/generated/control"
)

// newWorld creates the world and freezes its clock.
func newWorld(ctx context.Context, url string) (*world, error) {
	client, err := control.NewClientWithResponses(url)
	if err != nil {
		return nil, err
	}
	made, err := client.CreateWorldWithResponse(ctx, nil,
		control.CreateWorldRequest{Name: new(worldName), Seed: new(uint64(7))})
	switch {
	case err != nil:
		return nil, err
	case made.JSON201 == nil:
		return nil, fmt.Errorf("it is not made, but %d: %s", made.StatusCode(), made.Body)
	}
	w := &world{url: url, name: made.JSON201.Name, tokens: made.JSON201.Tokens}
	w.control, err = control.NewClientWithResponses(url, control.WithRequestEditorFn(header("X-Sim-World", worldName)))
	if err != nil {
		return nil, err
	}
	clock, err := w.control.SetClockWithResponse(ctx, nil,
		control.SetClockRequest{Mode: new(control.SetClockRequestModeFrozen)})
	if err := answered(err, http.StatusOK, clock.HTTPResponse, clock.Body); err != nil {
		return nil, err
	}
	return w, errors.Join(expect("its name", worldName, w.name), expect("its seed", 7, made.JSON201.Seed),
		expect("its number of tokens", 4, len(w.tokens)),
		expect("its clock's mode", control.ClockReadingModeFrozen, clock.JSON200.Mode))
}

// typo requires that an unknown word is refused with the valid ones.
func typo(ctx context.Context, w *world) error {
	a, err := w.control.SetClockWithResponse(ctx, nil,
		control.SetClockRequest{Mode: new(control.SetClockRequestMode("frozn"))})
	if err := answered(err, http.StatusBadRequest, a.HTTPResponse, a.Body); err != nil {
		return err
	}
	no := a.ApplicationproblemJSON400
	if no == nil {
		return errNoBody
	}
	return errors.Join(expect("the problem's status", http.StatusBadRequest, int(no.Status)),
		expect("the valid modes", true, slices.Equal([]string{"real", "frozen", "auto"}, of(no.Valid))))
}

// journal finds the calls of lightbitsVolume in the journal.
func journal(ctx context.Context, w *world) error {
	a, err := w.control.ListRequestsWithResponse(ctx, &control.ListRequestsParams{World: new(worldName)})
	if err := answered(err, http.StatusOK, a.HTTPResponse, a.Body); err != nil {
		return err
	}
	if a.JSON200 == nil {
		return errNoBody
	}
	var calls []string
	for _, x := range a.JSON200.Requests {
		calls = append(calls, fmt.Sprintf("%s %d %s", of(x.Operation), x.Status, of(x.Fault)))
	}
	want := []string{"lightbits.CreateVolume 200 ", "lightbits.UpdateVolume 503 busy", "lightbits.UpdateVolume 503 ",
		"lightbits.UpdateVolume 200 ", "lightbits.GetVolume 200 "}
	if !slices.Equal(want, calls) {
		return fmt.Errorf("it has %q, not %q", calls, want)
	}
	why, err := w.control.ExplainRequestWithResponse(ctx, a.JSON200.Requests[2].Id, nil)
	if err := answered(err, http.StatusOK, why.HTTPResponse, why.Body); err != nil {
		return err
	}
	if why.JSON200 == nil {
		return errNoBody
	}
	har, err := w.control.ListRequestsWithResponse(ctx, nil, header("Accept", "application/har+json"))
	if err := answered(err, http.StatusOK, har.HTTPResponse, har.Body); err != nil {
		return err
	}
	if har.ApplicationharJSON200 == nil {
		return errNoBody
	}
	return errors.Join(expect("the state in the explanation", true,
		strings.Contains(why.JSON200.Why, "has been in state Creating since")),
		expect("the kind of its cause", control.RefusalCauseKindGuard, of(why.JSON200.Cause).Kind),
		expect("something that would have worked", true, len(of(why.JSON200.WouldWork)) > 0),
		expect("the archive's first method", http.MethodPost, har.ApplicationharJSON200.Log.Entries[0].Request.Method))
}

// verification requires a result for a true expectation, and expected and actual for a false one.
func verification(ctx context.Context, w *world) error {
	created := &control.VerifyMatchInput{Operation: new("lightbits.CreateVolume")}
	once, err := w.control.VerifyWithResponse(ctx, nil, control.VerifyRequest{Match: created,
		Count: &control.VerifyCountInput{Min: new(int64(1)), Max: new(int64(1))}, NoUnexpected: new(true)})
	if err := answered(err, http.StatusOK, once.HTTPResponse, once.Body); err != nil {
		return err
	}
	twice, err := w.control.VerifyWithResponse(ctx, nil,
		control.VerifyRequest{Match: created, Count: &control.VerifyCountInput{Min: new(int64(2))}})
	if err := answered(err, http.StatusNotAcceptable, twice.HTTPResponse, twice.Body); err != nil {
		return err
	}
	if once.JSON200 == nil || twice.ApplicationproblemJSON406 == nil ||
		len(of(twice.ApplicationproblemJSON406.Checks)) != 1 {
		return errNoBody
	}
	failed := of(twice.ApplicationproblemJSON406.Checks)[0]
	return errors.Join(expect("holds", true, once.JSON200.Holds), expect("the failed check", "count", failed.Check),
		expect("what came instead", true, of(failed.Actual) != ""))
}

// end deletes the world, and checks the leftovers in the response.
func end(ctx context.Context, w *world) error {
	a, err := w.control.DeleteWorldWithResponse(ctx, w.name, nil)
	if err := answered(err, http.StatusOK, a.HTTPResponse, a.Body); err != nil {
		return err
	}
	if a.JSON200 == nil {
		return errNoBody
	}
	var left []string
	for _, leak := range a.JSON200.Leaked {
		left = append(left, leak.Kind+" "+leak.Name)
	}
	if want := []string{"lightbits.volume vol1", "lucidlink.filespace acme"}; !slices.Equal(want, left) {
		return fmt.Errorf("what is left is %q, not %q", left, want)
	}
	return nil
}
