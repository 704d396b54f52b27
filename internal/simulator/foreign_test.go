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

// firstYear is that of the first world's clock; each following world lives a year later.
const firstYear = 2040

// mark is what all names carry that are given in a world: no id and no word of a vendor can look like it.
func mark(world int) string { return fmt.Sprintf("zq%03dz", world) }

// named is the world whose mark begins at i, drawnID the id whose first dash is there, and yearAt the year of the instant
// whose T is there; nothing where there is none. They look by hand at what expressions would take half of the test's
// time for.
func named(text string, i int) (world string) {
	if !strings.HasPrefix(text[i:], "zq") || len(text) < i+6 || text[i+5] != 'z' {
		return ""
	}
	for _, digit := range []byte(text[i+2 : i+5]) { // a signature has the other letters once in a while
		if digit < '0' || digit > '9' {
			return ""
		}
	}
	return text[i+2 : i+5]
}

// Ids of version 5 are made of names, and so are the same where the names are: only those that are drawn count.
func drawnID(text string, i int) string {
	if i >= 8 && len(text) >= i+28 && text[i] == '-' && text[i+5] == '-' && text[i+6] == '4' && text[i+10] == '-' && text[i+15] == '-' {
		return text[i-8 : i+28]
	}
	return ""
}

func yearAt(text string, i int) string {
	if i >= 10 && len(text) > i+3 && text[i] == 'T' && text[i+3] == ':' && text[i-3] == '-' && text[i-6] == '-' {
		return text[i-10 : i-6]
	}
	return ""
}

// owners knows in which seed's worlds an id was first seen, and which ids were there with several seeds from the beginning.
type owners struct{ ids sync.Map }

// common is the owner of what was there whatever the seed.
const common = -1

// seed is that of a world. Every eighth world has one of its own; the others have the same, so that they draw the same ids
// for things of different names.
func seed(world int) int {
	if world%8 < 7 {
		return 1
	}
	return 1000 + world
}

// inherit notes the ids that a world begins with.
func (o *owners) inherit(world int, text string) {
	for i := range len(text) {
		id := drawnID(text, i)
		if id == "" {
			continue
		}
		if was, loaded := o.ids.LoadOrStore(id, seed(world)); loaded && was != seed(world) {
			o.ids.Store(id, common)
		}
	}
}

// foreign says what in an answer to a world's client is of another world: a name, an id, an instant. Nil when nothing is.
func (o *owners) foreign(world int, header http.Header, body string) error {
	var text strings.Builder
	for name, values := range header {
		if name != "Date" { // is net/http's, on the wall clock
			text.WriteString(strings.Join(values, "\n") + "\n")
		}
	}
	text.WriteString(body)
	all := text.String()
	for i := range len(all) {
		if name := named(all, i); name != "" && name != mark(world)[2:5] {
			return fmt.Errorf("the name zq%sz", name)
		}
		if year := yearAt(all, i); year >= strconv.Itoa(firstYear) && year != strconv.Itoa(firstYear+world) {
			return fmt.Errorf("an instant in %s", year)
		}
		if id := drawnID(all, i); id != "" {
			if owner, loaded := o.ids.LoadOrStore(id, seed(world)); loaded && owner != seed(world) && owner != common {
				return fmt.Errorf("the id %s of a world with the seed %d", id, owner)
			}
		}
	}
	return nil
}

// One leak of any kind in an answer is noticed; what is the world's own or everybody's is none.
func TestForeign(t *testing.T) {
	const shared, third, fourth = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000004"
	var o owners
	for world := range 16 {
		o.inherit(world, shared)
	}
	o.inherit(7, third)
	o.inherit(4, fourth)
	own := `{"name":"v-zq007z-1","id":"` + third + `","node":"` + shared + `","at":"2047-01-01T00:00:00Z","made":"2026-01-01T00:00:00Z"}`
	require.NoError(t, o.foreign(7, http.Header{"X-Sim-World": {"zq007z"}, "Date": {"2044-01-01T00:"}}, own))
	for _, body := range []string{own + "zq004z", own + "2044-12-31T23:", own + fourth} {
		require.Error(t, o.foreign(7, nil, body), body)
	}
	require.Error(t, o.foreign(7, http.Header{"X-Sim-Fault": {"f-zq002z"}}, own))
	const fresh = "00000000-0000-4000-8000-00000000000a"
	require.NoError(t, o.foreign(7, nil, fresh))
	require.Error(t, o.foreign(4, nil, fresh), "who was answered it first has it")
	require.NoError(t, o.foreign(4, nil, fourth))
	require.NoError(t, o.foreign(5, nil, fourth), "the same seed draws the same")
}
