package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const diffedScript = `# about volumes

# makes one
POST /volumes
{"name":"a"}
----
201
{
  "id": 1,
  "name": "a",
  "size": 4,
  "state": "Creating",
  "tags": []
}

GET /volumes
----
200

restart

$id = .id

DELETE /volumes/1
----
204
`

func TestCompareScript(t *testing.T) {
	made := "201\n{\n  \"id\": 1,\n  \"name\": \"a\",\n  \"size\": 4,\n  \"state\": \"Creating\",\n  \"tags\": []\n}"
	other := "201\n{\n  \"id\": 1,\n  \"name\": \"b\",\n  \"size\": 4,\n  \"state\": \"Creating\",\n  \"tags\": []\n}"
	for name, c := range map[string]struct {
		text string
		got  []string
		want string
	}{
		"as expected": {diffedScript, []string{"", made, "200", "", "", "204"}, ""},
		"one line of one step": {diffedScript, []string{"", other, "200", "", "", "204"}, `volumes.txt:4: POST /volumes
      7 201
      8 {
      9   "id": 1,
-    10   "name": "a",
+         "name": "b",
     11   "size": 4,
     12   "state": "Creating",
     13   "tags": []`},
		"three steps": {diffedScript, []string{"", made, "500\nno", "", "fired", "404"}, `volumes.txt:16: GET /volumes
-    18 200
+       500
+       no
2 more of 5 steps differ, at lines 22, 24`},
		"run ended early": {
			diffedScript, []string{"", made, "404"}, "volumes.txt:16: GET /volumes\n-    18 200\n+       404",
		},
		"form of the file": {"GET /a\n----\n200", []string{"200"}, "volumes.txt: " +
			`every response is as expected, but the file is not in the form that -update writes:
      1 GET /a
      2 ----
      3 200
-     4 `},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, compareScript("testdata/volumes.txt", c.text, c.got))
		})
	}
}
