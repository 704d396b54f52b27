package control

import (
	"net/http"
	"reflect"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/strict"
)

// endpoint is the handler of a call with the types of its body and of its response. The functions query, handle, bare
// and read make one.
type endpoint struct {
	call func(c *Control, r *call) (any, error)
	// body is the type of the request body, response the type of a successful response's JSON; nil for none.
	body, response reflect.Type
	// check returns an error for a body that is invalid in any state of the world. If whole is false, some values of
	// the body are placeholders, and only its members are checked.
	check func(c *Control, params map[string]string, body []byte, whole bool) error
}

// check returns an error for a decoded body that is invalid in any state of the world. Params are the path parameters.
type check[B any] func(c *Control, params map[string]string, body *B) error

// handle makes an endpoint of a handler that takes a JSON body. The body is decoded strictly and must have all required
// members. checks are run on the bodies of scenarios before a scenario starts.
func handle[B, A any](fn func(c *Control, r *call, body *B) (A, error), checks ...check[B]) endpoint {
	return handleUpTo(maxBody, fn, checks...)
}

// handleUpTo is handle with the largest body that the call reads, in bytes.
func handleUpTo[B, A any](
	most int64, fn func(c *Control, r *call, body *B) (A, error), checks ...check[B],
) endpoint {
	needs := strict.NeedsOf(reflect.TypeFor[B]())
	e := endpoint{
		call: func(c *Control, r *call) (any, error) {
			text, err := r.bodyOf(most)
			if err != nil {
				return nil, err
			}
			body := new(B)
			if err := strict.Decode(text, body); err != nil {
				return nil, err
			}
			if lack := needs.Missing(body); lack != nil {
				return nil, lack
			}
			return fn(c, r, body)
		},
		check: func(c *Control, params map[string]string, text []byte, whole bool) error {
			body := new(B)
			if err := strict.Decode(text, body); err != nil {
				return err
			}
			if err := c.checkKind(params["kind"]); err != nil || !whole {
				return err
			}
			for _, check := range checks {
				if err := check(c, params, body); err != nil {
					return asInput("", err)
				}
			}
			return nil
		},
		response: responseType[A](),
	}
	if t := reflect.TypeFor[B](); t != reflect.TypeFor[api.Empty]() {
		e.body = t
	}
	return e
}

// bare makes an endpoint of a handler for a call that changes something and has no body.
func bare[A any](fn func(c *Control, r *call) (A, error)) endpoint {
	return handle(func(c *Control, r *call, _ *api.Empty) (A, error) { return fn(c, r) })
}

// query makes an endpoint of a handler that ignores the body, such as that of a GET.
func query[A any](fn func(c *Control, r *call) (A, error)) endpoint {
	e := bare(fn)
	e.call = func(c *Control, r *call) (any, error) { return fn(c, r) }
	return e
}

// read makes an endpoint of a handler that decodes the body itself, because the body is not plain JSON or depends on
// the path. The OpenAPI document describes B. Check may be nil.
func read[B, A any](
	fn func(c *Control, r *call) (A, error), check func(c *Control, params map[string]string, body []byte) error,
) endpoint {
	return endpoint{
		call: func(c *Control, r *call) (any, error) { return fn(c, r) },
		body: reflect.TypeFor[B](), response: responseType[A](),
		check: func(c *Control, params map[string]string, body []byte, _ bool) error {
			if check == nil {
				return nil
			}
			return check(c, params, body)
		},
	}
}

// checkKind returns an error for an unknown kind of resource, unless it is a variable of a scenario.
func (c *Control) checkKind(kind string) error {
	if kind == "" || strings.Contains(kind, "${") {
		return nil
	}
	_, err := c.machine(kind)
	return asInput("", err)
}

// plain is a response that is written as it is: text, or encoded JSON.
type plain struct {
	contentType string
	text        []byte
}

// stream is a response that is written over time.
type stream struct {
	contentType string
	write       func(w http.ResponseWriter)
}

// reply is the response of a handler that has several response types. A is the usual type; value may also be a plain
// response or another type that the call's row declares.
type reply[A any] struct {
	value  any
	status int // 0 for the first of the row
}

func (r reply[A]) shown() (value any, status int) { return r.value, r.status }

func (r reply[A]) usual() reflect.Type { return reflect.TypeFor[A]() }

// several is any reply.
type several interface {
	shown() (value any, status int)
	usual() reflect.Type
}

// responseType returns the type of the response's JSON, or nil for a response that is never JSON.
func responseType[A any]() reflect.Type {
	var zero A
	switch a := any(zero).(type) {
	case plain, stream:
		return nil
	case several:
		return a.usual()
	}
	return reflect.TypeFor[A]()
}
