package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"storagesim/test/clients/openapi-go/generated/control"
	"storagesim/test/clients/openapi-go/generated/dms"
	"storagesim/test/clients/openapi-go/generated/lightbits"
	"storagesim/test/clients/openapi-go/generated/lucidity"
	"storagesim/test/clients/openapi-go/generated/lucidlink"
)

// lightbitsVolume creates a volume, gets an injected fault and a refusal because of the state, advances the clock until
// the volume is available, and updates it.
func lightbitsVolume(ctx context.Context, w *world) error {
	client, err := lightbits.NewClientWithResponses(w.url, lightbits.WithRequestEditorFn(header("X-Sim-World", w.name)),
		lightbits.WithRequestEditorFn(header("Authorization", "Bearer "+w.tokens["lightbits"])))
	if err != nil {
		return err
	}
	made, err := client.CreateVolumeWithResponse(ctx, "default", nil,
		lightbits.CreateVolumeRequest{Name: "vol1", Size: new("4 GiB"),
			ReplicaCount: new(int64(2)), Acl: lightbits.AccessListInput{Values: []string{"ALLOW_ANY"}}})
	if err := answered(err, http.StatusOK, made.HTTPResponse, made.Body); err != nil {
		return err
	}
	if made.JSON200 == nil {
		return errNoBody
	}
	if err := expect("its state", lightbits.VolumeStateCreating, of(made.JSON200.State)); err != nil {
		return err
	}
	id := of(made.JSON200.UUID)
	update := func() (*lightbits.UpdateVolumeResponse, error) {
		return client.UpdateVolumeWithResponse(ctx, "default", id, nil, lightbits.UpdateVolumeRequest{Size: new("8 GiB")})
	}
	if err := meetFault(ctx, w, update); err != nil {
		return err
	}
	early, err := update()
	if err := answered(err, http.StatusServiceUnavailable, early.HTTPResponse, early.Body); err != nil {
		return err
	}
	if err := untilAvailable(ctx, w, id); err != nil {
		return err
	}
	changed, err := update()
	if err := answered(err, http.StatusOK, changed.HTTPResponse, changed.Body); err != nil {
		return err
	}
	if err := untilAvailable(ctx, w, id); err != nil {
		return err
	}
	read, err := client.GetVolumeWithResponse(ctx, "default", id, nil)
	if err := answered(err, http.StatusOK, read.HTTPResponse, read.Body); err != nil {
		return err
	}
	if read.JSON200 == nil {
		return errNoBody
	}
	v := read.JSON200
	return errors.Join(expect("its size in bytes", "8589934592", of(v.Size)),
		expect("its replicas", 2, of(v.ReplicaCount)),
		expect("its state", lightbits.VolumeStateAvailable, of(v.State)), expect("its name", "vol1", of(v.Name)))
}

// meetFault arms a rule for one update, and requires its fault in the vendor's form with its marker.
func meetFault(ctx context.Context, w *world, update func() (*lightbits.UpdateVolumeResponse, error)) error {
	var retryAfter control.FaultEffectInput_RetryAfter // a duration or an object
	if err := retryAfter.UnmarshalJSON([]byte(`"2s"`)); err != nil {
		return err
	}
	armed, err := w.control.CreateFaultWithResponse(ctx, nil, control.CreateFaultRequest{Id: new("busy"),
		Match:  &control.FaultMatchInput{Operation: new("lightbits.UpdateVolume")},
		When:   &control.FaultWhenInput{Times: new(uint64(1))},
		Effect: control.FaultEffectInput{Status: new(int64(503)), RetryAfter: &retryAfter}})
	if err := answered(err, http.StatusCreated, armed.HTTPResponse, armed.Body); err != nil {
		return err
	}
	hit, err := update()
	if err := answered(err, http.StatusServiceUnavailable, hit.HTTPResponse, hit.Body); err != nil {
		return err
	}
	if hit.JSON503 == nil || hit.Headers503 == nil {
		return errNoBody
	}
	rule, err := w.control.GetFaultWithResponse(ctx, "busy", nil)
	if err := answered(err, http.StatusOK, rule.HTTPResponse, rule.Body); err != nil {
		return err
	}
	if rule.JSON200 == nil {
		return errNoBody
	}
	return errors.Join(expect("X-Sim-Fault", "busy", of(hit.Headers503.XSimFault)),
		expect("Retry-After", "2", of(hit.Headers503.RetryAfter)),
		expect("the rule's hits", 1, rule.JSON200.Hits), expect("what remains of it", 0, of(rule.JSON200.Remaining)),
		expect("the refusal's code", 14, hit.JSON503.Code))
}

// untilAvailable advances the clock until the volume is Available.
func untilAvailable(ctx context.Context, w *world, id string) error {
	moved, err := w.control.AdvanceClockWithResponse(ctx, nil, control.AdvanceClockRequest{
		Until: &control.AdvanceUntilInput{Kind: "lightbits.volume", Id: id, State: "Available"}})
	if err := answered(err, http.StatusOK, moved.HTTPResponse, moved.Body); err != nil {
		return err
	}
	if moved.JSON200 == nil || len(moved.JSON200.Fired) == 0 {
		return errNoBody
	}
	last := moved.JSON200.Fired[len(moved.JSON200.Fired)-1]
	return expect("what fired last", "lightbits.volume Available", last.Kind+" "+last.To)
}

// dmsClusters logs in with a password and requires an empty list of clusters.
func dmsClusters(ctx context.Context, w *world) error {
	client, err := dms.NewClientWithResponses(w.url, dms.WithRequestEditorFn(header("X-Sim-World", w.name)))
	if err != nil {
		return err
	}
	login, err := client.LoginWithResponse(ctx, nil, func(_ context.Context, req *http.Request) error {
		req.SetBasicAuth("admin", "light")
		return nil
	})
	if err := answered(err, http.StatusOK, login.HTTPResponse, login.Body); err != nil {
		return err
	}
	if login.JSON200 == nil {
		return errNoBody
	}
	list, err := client.ListClustersWithResponse(ctx, nil, header("Authorization", "Bearer "+login.JSON200.IdToken))
	if err := answered(err, http.StatusOK, list.HTTPResponse, list.Body); err != nil {
		return err
	}
	if list.JSON200 == nil {
		return errNoBody
	}
	return expect("the number of clusters", 0, len(list.JSON200.Clusters))
}

// lucidlinkFilespace gets a token by OAuth 2.0 and creates a filespace in the world's domain.
func lucidlinkFilespace(ctx context.Context, w *world) error {
	client, err := lucidlink.NewClientWithResponses(w.url, lucidlink.WithRequestEditorFn(header("X-Sim-World", w.name)))
	if err != nil {
		return err
	}
	token, err := client.CreateAccessTokenWithFormdataBodyWithResponse(ctx, nil, lucidlink.CreateAccessTokenRequest{
		GrantType: "client_credentials", ClientId: new("lucidlink-client"), ClientSecret: new("lucidlink-secret")})
	if err := answered(err, http.StatusOK, token.HTTPResponse, token.Body); err != nil {
		return err
	}
	if token.JSON200 == nil {
		return errNoBody
	}
	bearer := header("Authorization", "Bearer "+token.JSON200.AccessToken)
	domains, err := client.ListDomainsWithResponse(ctx, nil, bearer)
	if err := answered(err, http.StatusOK, domains.HTTPResponse, domains.Body); err != nil {
		return err
	}
	if domains.JSON200 == nil || len(*domains.JSON200) == 0 {
		return fmt.Errorf("there is no domain: %s", domains.Body)
	}
	made, err := client.CreateFilespaceWithResponse(ctx, nil,
		lucidlink.CreateFilespaceRequest{Domain: (*domains.JSON200)[0].Id, Name: "acme",
			Storage: lucidlink.StorageRequestInput{Provider: "AWS", Region: new("eu-west-1")}}, bearer)
	if err := answered(err, http.StatusCreated, made.HTTPResponse, made.Body); err != nil {
		return err
	}
	if made.JSON201 == nil {
		return errNoBody
	}
	return expect("the filespace's status", "provisioning", string(made.JSON201.Status))
}

// lucidityTenants lists the tenants, and requires a refusal without the vendor's header.
func lucidityTenants(ctx context.Context, w *world) error {
	client, err := lucidity.NewClientWithResponses(w.url, lucidity.WithRequestEditorFn(header("X-Sim-World", w.name)))
	if err != nil {
		return err
	}
	token := header("Authorization", w.tokens["lucidity"])
	list, err := client.ListTenantsWithResponse(ctx, nil, token, header("X-Authtype", "lucidity_access_token"))
	if err := answered(err, http.StatusOK, list.HTTPResponse, list.Body); err != nil {
		return err
	}
	if list.JSON200 == nil {
		return errNoBody
	}
	bare, err := client.ListTenantsWithResponse(ctx, nil, token)
	if err != nil {
		return err
	}
	return errors.Join(expect("success", true, list.JSON200.Success),
		expect("more than nobody", true, list.JSON200.Data.Meta.TotalCount > 0),
		expect("without X-Authtype", true, bare.StatusCode() >= 400 &&
			strings.Contains(bare.HTTPResponse.Header.Get("Content-Type"), "json")))
}
