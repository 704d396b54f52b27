package record

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestBytes_JSON(t *testing.T) {
	for name, c := range map[string]struct {
		bytes Bytes
		json  string
	}{
		"text":         {Bytes("a <b> & c"), `"a <b> & c"`},
		"empty":        {Bytes(""), `""`},
		"a JSON body":  {Bytes(`{"base64":"x"}`), `"{\"base64\":\"x\"}"`},
		"not UTF-8":    {Bytes{0xff, 0x00}, `{"base64":"/wA="}`},
		"line by line": {Bytes("a\nb\n"), `"a\nb\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := c.bytes.MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, c.json, string(text))
			var read Bytes
			require.NoError(t, json.Unmarshal(text, &read))
			require.Equal(t, c.bytes, read)
		})
	}
	var b Bytes
	require.Error(t, json.Unmarshal([]byte(`7`), &b))
	require.Error(t, b.UnmarshalJSON(nil))
}

func TestDigest_KeepsTheBeginning(t *testing.T) {
	add := func(parts ...int) *Response {
		var d digest
		for _, n := range parts {
			d.add([]byte(strings.Repeat("x", n)))
		}
		a := &Response{}
		d.in(a)
		return a
	}
	whole := add(maxBody-1, 1)
	require.Len(t, whole.Body, maxBody)
	require.Empty(t, whole.SHA256, "a body that is kept whole needs no digest")
	long := add(maxBody, 1)
	require.Len(t, long.Body, maxBody)
	require.Equal(t, maxBody+1, long.Size)
	require.Equal(t, long.SHA256, add(10, maxBody-9).SHA256, "the digest does not depend on the pieces")
	require.NotEqual(t, long.SHA256, add(maxBody, 2).SHA256)
}

// echo returns the request's body, and its number as a header.
func echo() http.Handler {
	n := 0
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n++
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("X-Number", string(rune('0'+n)))
		if req.URL.Path == "/wait" {
			w.(*exchange).Wait(func() bool { return true })
		}
		_, _ = w.Write(body)
	})
}

// recorded makes a recording of three requests and a turn of the timers.
func recorded(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "session.jsonl")
	tape := New(time.Now, zerolog.Nop())
	require.NoError(t, tape.Open(file, "v1", map[string]int{"seed": 7}, 1<<20, func(string) (time.Time, error) {
		return time.Time{}, errors.New("no world")
	}))
	handler := tape.Handler(echo())
	for _, path := range []string{"/a", "/wait", "/b"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader("body of "+path)))
		require.Equal(t, "body of "+path, w.Body.String())
	}
	tape.Timers("default", func() {})
	require.NoError(t, tape.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func play(t *testing.T, text string) (Result, []string, error) {
	t.Helper()
	player, err := NewPlayer(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, "v1", player.Header.Program)
	require.JSONEq(t, `{"seed":7}`, string(player.Header.Config))
	var timers []string
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	result, err := player.Play(ctx, Program{Handler: echo(),
		Timers: func(world string) { timers = append(timers, world) }})
	return result, timers, err
}

func TestPlay_SameResponses(t *testing.T) {
	result, timers, err := play(t, recorded(t))
	require.NoError(t, err)
	require.Equal(t, Result{Requests: 3}, result)
	require.Equal(t, []string{"default"}, timers)
}

// The idle writes of a store read the clock beside the turns. The race detector checks it.
func TestPlay_ClockIsReadMeanwhile(t *testing.T) {
	player, err := NewPlayer(strings.NewReader(recorded(t)))
	require.NoError(t, err)
	require.Equal(t, player.Header.Started, player.Now())
	read := make(chan time.Time)
	go func() {
		last := player.Now()
		for range 1000 {
			last = player.Now()
		}
		read <- last
	}()
	_, err = player.Play(t.Context(), Program{Handler: echo(), Timers: func(string) {}})
	require.NoError(t, err)
	require.False(t, (<-read).Before(player.Header.Started))
}

func TestPlay_FirstDifference(t *testing.T) {
	text := recorded(t)
	changed := strings.Replace(text, `"X-Number":["2"]`, `"X-Number":["9"]`, 1)
	require.NotEqual(t, text, changed)
	result, timers, err := play(t, changed)
	require.NoError(t, err)
	require.Equal(t, 1, result.Requests)
	require.Equal(t, "a header", result.Difference.What)
	require.Contains(t, result.Difference.Recorded, "X-Number: 9")
	require.Contains(t, result.Difference.Replayed, "X-Number: 2")
	require.Empty(t, timers, "nothing is played after the difference")
}

func TestPlay_IncompleteLastLine(t *testing.T) {
	text := recorded(t)
	result, _, err := play(t, text[:len(text)-3])
	require.NoError(t, err)
	require.True(t, result.Cut)
	require.Equal(t, 3, result.Requests)
}

func TestPlay_MissingTurn(t *testing.T) {
	lines := strings.SplitAfter(recorded(t), "\n")
	_, _, err := play(t, strings.Join(append(lines[:1:1], lines[2:]...), ""))
	require.ErrorContains(t, err, "line 2: turn 2 ")
}

func TestNewPlayer_NotARecording(t *testing.T) {
	for _, text := range []string{"", "{}", "{}\n", "x\n", `{"recording":99}` + "\n"} {
		_, err := NewPlayer(strings.NewReader(text))
		require.Error(t, err, "%q", text)
	}
}

func TestTape_FileNotEmpty(t *testing.T) {
	file := filepath.Join(t.TempDir(), "session.jsonl")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	err := New(time.Now, zerolog.Nop()).Open(file, "v1", nil, 1, nil)
	require.ErrorContains(t, err, file)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
}
