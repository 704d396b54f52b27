package control

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"storagesim/internal/api"
	"storagesim/internal/redact"
	"storagesim/internal/strict"
)

// call is a control call that is being served.
type call struct {
	id    string
	row   *Row
	place api.Place
	http  *http.Request
	query url.Values
	// stream, if not nil, writes the response body.
	stream func(w http.ResponseWriter)
}

// world returns the name of the call's world.
func (r *call) world() string { return r.place.World }

// by returns the author that the store records with the rows that the call changes.
func (r *call) by() string { return r.row.ID() + " " + r.id }

// param returns a path parameter, unescaped.
func (r *call) param(name string) string {
	raw := chi.URLParam(r.http, name)
	if r.http.URL.RawPath == "" {
		return raw // chi matched the path that net/http had unescaped
	}
	if text, err := url.PathUnescape(raw); err == nil {
		return text
	}
	return raw
}

// checkNames returns an error for a name in the path, or for that of the call's world, which cannot be shown: it has
// control characters or is not UTF-8. Such names would be stored, listed and logged in a form that nobody can ask for.
func (r *call) checkNames() error {
	var names []string
	if route := chi.RouteContext(r.http.Context()); route != nil {
		names = route.URLParams.Keys
	}
	for _, name := range names {
		if err := checkPrintable(name, r.param(name)); name != "*" && err != nil {
			return err
		}
	}
	if err := checkPrintable("world", r.place.World); err != nil {
		return err
	}
	return checkPrintable("cluster", r.place.Cluster)
}

// checkPrintable returns an error for a name that cannot be shown. Path is what the error calls it.
func checkPrintable(path, name string) error {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return nil
	}
	return &strict.Error{Path: path, Detail: fmt.Sprintf("%+.300q has bytes that are not printable UTF-8 text; use a "+
		"name such as before-upgrade", name)}
}

// limit returns the query's limit, or preset without one.
func (r *call) limit(preset int) (int, error) {
	text := r.query.Get("limit")
	if text == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, &strict.Error{Path: "limit", Detail: fmt.Sprintf("%q is not a whole number above zero, such as 10", text)}
	}
	return n, nil
}

func (r *call) body() ([]byte, error) { return r.bodyOf(maxBody) }

// bodyOf reads a body of at most the given number of bytes.
func (r *call) bodyOf(most int64) ([]byte, error) {
	tooLarge := &Problem{Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("the request body is larger than the limit of %d bytes", most)}
	if r.http.ContentLength > most {
		return nil, tooLarge // without reading it
	}
	text, err := io.ReadAll(io.LimitReader(r.http.Body, most+1))
	var encoding *api.EncodingError
	if errors.As(err, &encoding) {
		return nil, &Problem{Status: http.StatusUnsupportedMediaType, Detail: encoding.Error()}
	}
	if err != nil {
		return nil, &Problem{Status: http.StatusBadRequest,
			Detail: "could not read the request body: " + err.Error()}
	}
	if int64(len(text)) > most {
		return nil, tooLarge
	}
	return text, nil
}

// largeBody is the size of a response, in bytes, from which it needs room to wait for its client.
const largeBody = 16 << 10

// serve returns the HTTP handler of a call.
func (c *Control) serve(row *Row) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		began := c.Wall()
		r := &call{id: "sim-" + strconv.FormatUint(c.ids.Add(1), 10), row: row, http: req}
		r.place = api.Locate(req, api.ListenerPlace(req.Context()))
		resp := c.respond(r)
		w.Header().Set(api.HeaderRequestID, r.id)
		w.Header().Set(api.HeaderWorld, api.HeaderText(r.world()))
		if r.stream != nil {
			w.Header().Set("Content-Type", resp.ContentType)
			w.Header().Set("Cache-Control", "no-store")
			if req.Method != http.MethodHead {
				r.stream(w)
			}
		} else {
			if len(resp.Body) >= largeBody && !api.Reserve(w, req, len(resp.Body)) {
				resp = c.refuse(r, &Problem{Status: http.StatusServiceUnavailable, Detail: api.NoRoom})
			}
			api.Write(w, resp)
		}
		c.Log.Debug().Str("op", row.ID()).Str("request_id", r.id).Str("world", r.world()).Int("status", resp.Status).
			Dur("dur", c.Wall().Sub(began)).Msg(req.Method + " " + redact.URL(req.URL.EscapedPath()))
	}
}

func (c *Control) respond(r *call) (resp api.Response) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.Error().Str("op", r.row.ID()).Str("request_id", r.id).Str("panic", redact.Line(fmt.Sprint(p))).
				Bytes("stack", debug.Stack()).Msg("control call panicked")
			resp = c.refuse(r, errPanicked)
		}
	}()
	if err := c.admit(r); err != nil {
		return c.refuse(r, err)
	}
	result, err := r.row.Endpoint.call(c, r)
	if err != nil {
		return c.refuse(r, err)
	}
	status := 0
	if s, ok := result.(several); ok {
		result, status = s.shown()
	}
	if status == 0 {
		status = r.row.Statuses[0]
	}
	if s, ok := result.(stream); ok {
		r.stream = s.write
		return api.Response{Status: http.StatusOK, ContentType: s.contentType}
	}
	if p, ok := result.(plain); ok {
		return api.Response{Status: status, ContentType: p.contentType, Body: p.text}
	}
	body, err := json.Marshal(result)
	if err != nil {
		return c.refuse(r, err)
	}
	return api.Response{Status: status, ContentType: "application/json", Body: append(body, '\n')}
}

// checkAdminToken returns an error unless the call has the admin token, if one is set.
func (c *Control) checkAdminToken(r *call) error {
	if c.AdminToken == "" {
		return nil
	}
	scheme, token, _ := strings.Cut(r.http.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(token), []byte(c.AdminToken)) != 1 {
		return &Problem{Status: http.StatusUnauthorized,
			Detail: "this call needs the admin token: send Authorization: Bearer with the value of --admin-token"}
	}
	return nil
}

// admit checks the admin token, the port and the query parameters.
func (c *Control) admit(r *call) error {
	if !r.row.Open {
		if err := c.checkAdminToken(r); err != nil {
			return err
		}
	}
	if err := r.checkNames(); err != nil {
		return err
	}
	if err := r.onPort(); err != nil {
		return err
	}
	if err := c.inLife(r); err != nil {
		return err
	}
	query, err := url.ParseQuery(r.http.URL.RawQuery)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Detail: "the query is invalid: " + err.Error()}
	}
	if r.query = query; r.row.Method == "" {
		return nil
	}
	for name, values := range query {
		if !slices.Contains(r.row.Query, name) {
			return &strict.Error{Path: name, Detail: "is not a parameter of this call", Valid: r.row.Query}
		}
		if len(values) > 1 {
			return &strict.Error{Path: name, Detail: "is given twice"}
		}
	}
	if world := query.Get("world"); world != allWorlds {
		return r.reaches(world)
	}
	return nil
}
