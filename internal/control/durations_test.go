package control_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// A duration that is too long is refused as that, with the longest one.
func TestDurations_TooLong(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for _, c := range []struct{ method, path, body, detail string }{
		{http.MethodPost, "/_sim/clock/advance", `{"by":"876000000h"}`,
			`by: "876000000h" is too long: a duration is at most 2562047h47m, about 292 years; "to" moves the clock to any ` +
				"instant"},
		{http.MethodPost, "/_sim/clock/advance",
			`{"until":{"kind":"lamps.lamp","id":"x","state":"Lit"},"limit":"876000000h"}`,
			`limit: "876000000h" is too long: a duration is at most 2562047h47m, about 292 years`},
		{http.MethodPost, "/_sim/worlds", `{"ttl":"9999999h"}`,
			`ttl: "9999999h" is too long: a duration is at most 2562047h47m, about 292 years`},
		{http.MethodPost, "/_sim/tokens", `{"vendor":"lamps","ttl":"9999999h"}`,
			`ttl: "9999999h" is too long: a duration is at most 2562047h47m, about 292 years`},
		{http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"9999999h"}`,
			`lamps.lamp.light: delay "9999999h": must not be longer than 876000h0m0s`},
		{http.MethodPost, "/_sim/faults", `{"match":{"operation":"lamps.GetLamp"},"effect":{"status":404},"ttl":"9999999h"}`,
			`ttl: "9999999h" is too long: at most 876000h are allowed, a hundred years`},
		{http.MethodPost, "/_sim/faults",
			`{"match":{"operation":"lamps.GetLamp"},"effect":{"status":404},"when":{"for":"876001h"}}`,
			`when.for: "876001h" is too long: at most 876000h are allowed, a hundred years`},
		{http.MethodPost, "/_sim/clock/advance", `{"by":"-1h"}`,
			`by: "-1h" is not a duration above zero, such as "90s" or "1h30m"`},
		{http.MethodPost, "/_sim/clock/advance", `{"by":"soon"}`,
			`by: "soon" is not a duration above zero, such as "90s" or "1h30m"`},
	} {
		require.Equal(t, c.detail, s.Must(400, c.method, c.path, c.body).Text(".detail"), c.body)
	}
}
