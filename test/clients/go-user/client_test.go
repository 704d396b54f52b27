package user

import (
	"errors"
	"testing"

	"storagesim"
	"storagesim/lightbits"
)

func TestClient(t *testing.T) {
	t.Parallel()
	w := storagesim.Start(t, storagesim.StrictAuth(), storagesim.ExpectNoLeaks())
	c := Client{URL: w.Lightbits().URL, Token: w.Lightbits().Token("", 0), HTTP: w.Client}
	w.Fault(lightbits.CreateVolume.Reset().After().Times(1))
	w.Fault(lightbits.UpdateVolume.Status(412).Times(1))
	err := c.Create("vol1")
	w.Until(w.Volume("vol1"), "Available")
	if stale := c.Resize("vol1", "8 GiB"); err != nil || !errors.Is(stale, ErrStale) {
		t.Fatalf("Create: %v; Resize: %v", err, stale)
	}
	w.Expect(storagesim.Calls(lightbits.CreateVolume).Max(1), storagesim.Met(lightbits.UpdateVolume, 412))
	if err := c.Delete("vol1"); err != nil {
		t.Fatal(err)
	}
}
