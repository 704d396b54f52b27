package lucidlink_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/lucidlink"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// seeded returns the error of seeding a world from the section.
func seeded(t *testing.T, section string) error {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "sim.db"), store.Options{})
	require.NoError(t, err)
	defer db.Close()
	s := lucidlink.New(lucidlink.Options{})
	engine, err := statemachine.New(db, statemachine.Instant, zerolog.Nop(), s.Machines()...)
	require.NoError(t, err)
	return engine.Base("test", 1, time.Unix(0, 0).UTC(), func(tx *store.Tx) error { return s.Seed(tx, []byte(section)) })
}

func TestSeed(t *testing.T) {
	for _, section := range []string{
		``, `{}`, `{"accounts":[{"name":"one"}]}`,
		`{"accounts":[{"name":"one","domain":"one-domain","clients":[
			{"clientId":"a","clientSecret":"b"},{"clientId":"c","clientSecret":"d"}]}],
		  "buckets":[{"bucket":"data","accessKey":"a","secretKey":"b","https":true}],
		  "regions":{"AWS":{"mars-1":"open","eu-west-1":"closed"}},
		  "currency":"EUR","prices":{"teams":{"capacityTiB":1,"user":0}}}`,
	} {
		require.NoError(t, seeded(t, section), section)
	}
}

func TestSeed_InvalidMemberIsNamed(t *testing.T) {
	for _, c := range []struct{ section, path string }{
		{`{"accounts":[{"name":"One"}]}`, "accounts[0].name"},
		{`{"accounts":[{"name":"one"},{"name":"one"}]}`, "accounts[1].name"},
		{`{"accounts":[{"name":"one","domain":"x"}]}`, "accounts[0].domain"},
		{`{"accounts":[{"name":"one","domain":"same"},{"name":"two","domain":"same"}]}`, "accounts[1].domain"},
		{`{"accounts":[{"name":"one","clients":[{"clientSecret":"x"}]}]}`, "accounts[0].clients[0].clientId"},
		{`{"accounts":[{"name":"one","clients":[{"clientId":"a:b","clientSecret":"x"}]}]}`,
			"accounts[0].clients[0].clientId"},
		{`{"accounts":[{"name":"one","clients":[{"clientId":"a"}]}]}`, "accounts[0].clients[0].clientSecret"},
		{`{"accounts":[{"name":"a","clients":[{"clientId":"a","clientSecret":"x"},{"clientId":"a","clientSecret":"x"}]}]}`,
			"accounts[0].clients[1].clientId"},
		{`{"accounts":[{"names":"one"}]}`, "accounts[0].names"},
		{`{"regions":{"aws":{}}}`, "regions.aws"},
		{`{"regions":{"AWS":{"eu-west-1":"shut"}}}`, "regions.AWS.eu-west-1"},
		{`{"regions":{"AWS":{"":"open"}}}`, "regions.AWS."},
		{`{"currency":"euro"}`, "currency"},
		{`{"buckets":[{"bucket":"data","accessKey":"a"},{"accessKey":"a"}]}`, "buckets[1].bucket"},
		{`{"buckets":[{"bucket":"data","keys":"a"}]}`, "buckets[0].keys"},
		{`{"prices":{"cheap":{}}}`, "prices.cheap"},
		{`{"prices":{"teams":{"capacityTiB":-1,"user":0}}}`, "prices.teams"},
		{`{"prices":{"teams":{"capacityTiB":0.5,"user":0}}}`, "prices.capacityTiB"},
		{`{"prices":{"teams":{"capacityTiB":1,"users":0}}}`, "prices.teams.users"},
		{`{"prices":{"none":{"capacityTiB":1,"user":1e12}}}`, "prices.user"},
		{`{"prices":{"none":{"capacityTiB":2000000000000}}}`, "prices.none"},
	} {
		var input *strict.Error
		err := seeded(t, c.section)
		require.ErrorAs(t, err, &input, c.section)
		require.Equal(t, c.path, input.Path, c.section)
		require.NotEmpty(t, input.Detail)
	}
}
