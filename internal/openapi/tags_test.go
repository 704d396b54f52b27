package openapi

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/fixture/document"
)

type tagged struct {
	Text     string              `json:"text" doc:"what it is called" default:"fault-1, fault-2" range:"at most 9 bytes" example:"a"`
	Mode     string              `json:"mode" doc:"frozen: the clock stands" default:"real"`
	Count    uint64              `json:"count,omitempty" default:"1" range:"1..1000" example:"25"`
	Status   int                 `json:"status,omitempty" doc:"the status" range:"400 to 599, and documented"`
	Rate     float64             `json:"rate" range:">0" example:"0.5"`
	Bytes    *int                `json:"bytes" range:"0 or more" example:"10" default:"half of the body"`
	Keep     bool                `json:"keep" default:"false" example:"true"`
	Wait     string              `json:"wait" type:"duration" example:"2s"`
	Within   document.Duration   `json:"within" default:"1m" example:"90s"`
	List     document.Strings    `json:"list" example:"[a, 5xx]"`
	From     *time.Time          `json:"from" default:"the creation of the rule" example:"2026-01-01T12:00:00Z"`
	Body     any                 `json:"body" doc:"what is sent" example:"{size: 4, names: [a]}"`
	Headers  map[string]string   `json:"headers" example:"{\"A\":\"b\"}"`
	Attempts []uint64            `json:"attempts" example:"[1,2]" default:"all"`
	Needed   string              `json:"needed" required:""`
	Inner    *struct{ A string } `json:"inner" doc:"an object" default:"none"`
}

func TestTags(t *testing.T) {
	s := schemas{encoding: api.Plain, components: map[string]*Schema{}, names: map[schemaKey]string{}}
	object := s.object(reflect.TypeFor[tagged](), false, "Tagged", nil)
	require.Equal(t, []string{"needed"}, object.Required)
	for member, want := range map[string]string{
		"text": `{"type":"string","examples":["a"],
			"description":"What it is called. Range: at most 9 bytes. Default: fault-1, fault-2."}`,
		"mode":   `{"type":"string","description":"frozen: the clock stands. Default: real."}`,
		"count":  `{"type":"integer","format":"uint64","description":"Default: 1.","minimum":1,"maximum":1000,"examples":[25]}`,
		"status": `{"type":"integer","format":"int64","description":"The status. Range: 400 to 599, and documented.","minimum":400,"maximum":599}`,
		"rate":   `{"type":"number","format":"double","exclusiveMinimum":0,"examples":[0.5]}`,
		"bytes": `{"type":"integer","format":"int64","minimum":0,"examples":[10],
			"description":"Default: half of the body."}`,
		"keep":   `{"type":"boolean","description":"Default: false.","examples":[true]}`,
		"wait":   `{"type":"string","pattern":` + quoted(goDuration) + `,"examples":["2s"]}`,
		"within": `{"type":"string","pattern":` + quoted(goDuration) + `,"description":"Default: 1m.","examples":["90s"]}`,
		"list": `{"anyOf":[{"type":"string"},{"type":"number","format":"double"},{"type":"array","items":
			{"anyOf":[{"type":"string"},{"type":"number","format":"double"}]}}],"examples":[["a","5xx"]]}`,
		"from": `{"type":"string","format":"date-time","description":"Default: the creation of the rule.",
			"examples":["2026-01-01T12:00:00Z"]}`,
		"body":    `{"description":"What is sent.","examples":[{"size":4,"names":["a"]}]}`,
		"headers": `{"type":"object","additionalProperties":{"type":"string"},"examples":[{"A":"b"}]}`,
		"attempts": `{"type":"array","items":{"type":"integer","format":"uint64"},"description":"Default: all.",
			"examples":[[1,2]]}`,
		"inner": `{"$ref":"#/components/schemas/TaggedInnerInput","description":"An object. Default: none."}`,
	} {
		t.Run(member, func(t *testing.T) {
			text, err := json.Marshal(object.Properties[member])
			require.NoError(t, err)
			require.JSONEq(t, want, string(text))
		})
	}
}

func quoted(text string) string {
	q, _ := json.Marshal(text)
	return string(q)
}
