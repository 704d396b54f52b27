package storagesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"storagesim/internal/api"
)

// call makes a control call without the network. The body is sent as JSON; a []byte is sent as it is.
func (p *program) call(method, path, world string, body any, header ...string) (status int, text []byte) {
	var sent []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		sent = b
	default:
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return 0, []byte(err.Error())
		}
	}
	target, err := url.Parse(p.url + path)
	if err != nil {
		return 0, []byte(err.Error())
	}
	req := &http.Request{Method: method, URL: target, Host: target.Host, RemoteAddr: p.addr, Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(sent)),
		ContentLength: int64(len(sent))}
	if len(sent) > 0 && sent[0] == '{' {
		req.Header.Set("Content-Type", "application/json")
	}
	if world != "" {
		req.Header.Set(api.HeaderWorld, world)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.sim.Handler().ServeHTTP(w, req)
	return w.Code, w.Body.Bytes()
}

// must makes a control call in the world and decodes the response into out, unless that is nil. It ends the test if the
// call is refused.
func (w *World) must(method, path string, body, out any, header ...string) {
	w.tb.Helper()
	status, text := w.program.call(method, path, w.Name, body, header...)
	if status < http.StatusOK || status >= http.StatusMultipleChoices {
		w.tb.Fatalf("storagesim: %s", problem(text))
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(text, out); err != nil {
		w.tb.Fatalf("storagesim: the response to %s %s: %v", method, path, err)
	}
}

// problem returns the text of a refused control call.
func problem(text []byte) string {
	var p struct {
		Detail string
		Valid  []string
	}
	if json.Unmarshal(text, &p) != nil || p.Detail == "" {
		return strings.TrimSpace(string(text))
	}
	if len(p.Valid) == 0 {
		return p.Detail
	}
	return fmt.Sprintf("%s; valid: %s", p.Detail, strings.Join(p.Valid, ", "))
}
