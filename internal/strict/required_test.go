package strict_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/strict"
)

type crate struct {
	Name  string  `json:"name" required:"{path} is missing"`
	Size  *int    `json:"size"`
	Lid   *lid    `json:"lid"`
	Parts []*part `json:"parts" required:"{path}: at least one"`
	Inner *crate  `json:"inner"`
	label
	lent `required:"-"`
	Own  string `json:"own" required:""`
}

type (
	lid struct {
		Color string `json:"color" required:"{path} is missing"`
	}
	part struct {
		Key string `json:"key" required:"{path} is missing"`
	}
	label struct {
		Text string `json:"text" required:"{path} is missing"`
	}
	lent struct {
		Spare string `json:"spare" required:"{path} is missing"`
	}
)

func TestNeeds(t *testing.T) {
	needs := strict.NeedsOf(reflect.TypeFor[crate]())
	full := func(change func(*crate)) *crate {
		c := &crate{Name: "a", Parts: []*part{{Key: "k"}, nil}, label: label{Text: "t"}}
		change(c)
		return c
	}
	for want, change := range map[string]func(*crate){
		"":                        func(*crate) {},
		"name is missing":         func(c *crate) { c.Name = "" },
		"parts: at least one":     func(c *crate) { c.Parts = []*part{} },
		"lid.color is missing":    func(c *crate) { c.Lid = &lid{} },
		"parts[2].key is missing": func(c *crate) { c.Parts = append(c.Parts, &part{}) },
		"text is missing":         func(c *crate) { c.Text = "" },
		"inner.name is missing":   func(c *crate) { c.Inner = &crate{} },
	} {
		lack := needs.Missing(full(change))
		if want == "" {
			require.Nil(t, lack)
			continue
		}
		require.NotNil(t, lack, want)
		require.Equal(t, want, lack.Detail)
	}
	require.Nil(t, strict.NeedsOf(reflect.TypeFor[map[string]any]()).Missing(&map[string]any{}))
}
