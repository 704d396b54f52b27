package simulator_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The values that show which world a response belongs to are names with the mark of a world, random ids, and times in
// the year of its clock. The functions below find them without regular expressions, which would take half of the test's
// time.

// firstYear is the year of the first world's clock. The clock of each further world is one year later.
const firstYear = 2040

// mark returns the part that all names in a world have in common. Ids and texts of vendors do not contain it.
func mark(world int) string { return fmt.Sprintf("zq%03dz", world) }

// markAt returns the world whose mark begins at text[i], or "".
func markAt(text string, i int) (world string) {
	if !strings.HasPrefix(text[i:], "zq") || len(text) < i+6 || text[i+5] != 'z' {
		return ""
	}
	for _, digit := range []byte(text[i+2 : i+5]) { // the letters alone may occur in a signature
		if digit < '0' || digit > '9' {
			return ""
		}
	}
	return text[i+2 : i+5]
}

// randomIDAt returns the random UUID whose first dash is text[i], or "". UUIDs of version 5 are derived from names, so
// equal names have the same in every world.
func randomIDAt(text string, i int) string {
	if i >= 8 && len(text) >= i+28 && text[i] == '-' && text[i+5] == '-' && text[i+6] == '4' &&
		text[i+10] == '-' && text[i+15] == '-' {
		return text[i-8 : i+28]
	}
	return ""
}

// yearAt returns the year of the RFC 3339 time whose T is text[i], or "".
func yearAt(text string, i int) string {
	if i >= 10 && len(text) > i+3 && text[i] == 'T' && text[i+3] == ':' && text[i-3] == '-' && text[i-6] == '-' {
		return text[i-10 : i-6]
	}
	return ""
}

// owners maps each random id to the seed of the worlds that it was first seen in, or to common.
type owners struct{ ids sync.Map }

// common is the owner of ids that exist from the beginning in worlds with different seeds.
const common = -1

// seed returns the seed of a world. Every eighth world has its own seed. The others share one, so that they have the
// same ids for resources with different names.
func seed(world int) int {
	if world%8 < 7 {
		return 1
	}
	return 1000 + world
}

// inherit adds the ids that a world begins with.
func (o *owners) inherit(world int, text string) {
	for i := range len(text) {
		id := randomIDAt(text, i)
		if id == "" {
			continue
		}
		if was, loaded := o.ids.LoadOrStore(id, seed(world)); loaded && was != seed(world) {
			o.ids.Store(id, common)
		}
	}
}

// checkForeign returns an error that names the first value of another world in a response: a name, an id or a time.
func (o *owners) checkForeign(world int, header http.Header, body string) error {
	var text strings.Builder
	for name, values := range header {
		if name != "Date" { // set by net/http from the wall clock
			text.WriteString(strings.Join(values, "\n") + "\n")
		}
	}
	text.WriteString(body)
	all := text.String()
	for i := range len(all) {
		if name := markAt(all, i); name != "" && name != mark(world)[2:5] {
			return fmt.Errorf("the name zq%sz", name)
		}
		if year := yearAt(all, i); year >= strconv.Itoa(firstYear) && year != strconv.Itoa(firstYear+world) {
			return fmt.Errorf("a time in %s", year)
		}
		if id := randomIDAt(all, i); id != "" {
			if owner, loaded := o.ids.LoadOrStore(id, seed(world)); loaded && owner != seed(world) && owner != common {
				return fmt.Errorf("the id %s of a world with seed %d", id, owner)
			}
		}
	}
	return nil
}

// Each kind of value from another world is found. Values of the world itself and common values are not reported.
func TestCheckForeign(t *testing.T) {
	const (
		shared = "00000000-0000-4000-8000-000000000001"
		third  = "00000000-0000-4000-8000-000000000003"
		fourth = "00000000-0000-4000-8000-000000000004"
	)
	var o owners
	for world := range 16 {
		o.inherit(world, shared)
	}
	o.inherit(7, third)
	o.inherit(4, fourth)
	own := `{"name":"v-zq007z-1","id":"` + third + `","node":"` + shared +
		`","at":"2047-01-01T00:00:00Z","made":"2026-01-01T00:00:00Z"}`
	require.NoError(t, o.checkForeign(7, http.Header{"X-Sim-World": {"zq007z"}, "Date": {"2044-01-01T00:"}}, own))
	for _, body := range []string{own + "zq004z", own + "2044-12-31T23:", own + fourth} {
		require.Error(t, o.checkForeign(7, nil, body), body)
	}
	require.Error(t, o.checkForeign(7, http.Header{"X-Sim-Fault": {"f-zq002z"}}, own))
	const fresh = "00000000-0000-4000-8000-00000000000a"
	require.NoError(t, o.checkForeign(7, nil, fresh))
	require.Error(t, o.checkForeign(4, nil, fresh), "the id belongs to the world that it was first seen in")
	require.NoError(t, o.checkForeign(4, nil, fourth))
	require.NoError(t, o.checkForeign(5, nil, fourth), "worlds with the same seed have the same ids")
}
