package control

import (
	"net/http"
	"reflect"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/strict"
)

// endpoint is the handler of a call with the types of its body and of its response. Make one with answer, handle, bare or
// read.
type endpoint struct {
	call func(c *Control, r *call) (any, error)
	// body is the type of the request's body, response that of a successful response's JSON; nil for none.
	body, response reflect.Type
	// check refuses a body that the call would refuse in any state of the world. With whole unset, some values of the body
	// are placeholders, and only its members are checked.
	check func(c *Control, params map[string]string, body []byte, whole bool) error
}

// check refuses a decoded body that the call would refuse in any state of the world. params are those of the path.
type check[B any] func(c *Control, params map[string]string, body *B) error

// handle makes an endpoint of a handler that takes a JSON body. The body is decoded strictly and must have all required
// members. checks are run on the bodies of scenarios before a scenario starts.
func handle[B, A any](fn func(c *Control, r *call, body *B) (A, error), checks ...check[B]) endpoint {
	needs := strict.NeedsOf(reflect.TypeFor[B]())
	e := endpoint{
		call: func(c *Control, r *call) (any, error) {
			text, err := r.body()
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

// bare makes an endpoint of a handler whose call changes something and takes no body.
func bare[A any](fn func(c *Control, r *call) (A, error)) endpoint {
	return handle(func(c *Control, r *call, _ *api.Empty) (A, error) { return fn(c, r) })
}

// answer makes an endpoint of a handler that reads no body, as that of a GET.
func answer[A any](fn func(c *Control, r *call) (A, error)) endpoint {
	e := bare(fn)
	e.call = func(c *Control, r *call) (any, error) { return fn(c, r) }
	return e
}

// read makes an endpoint of a handler that reads the body itself, which is not plain JSON or depends on the path. B is
// what the OpenAPI document describes; check may be nil.
func read[B, A any](fn func(c *Control, r *call) (A, error), check func(c *Control, params map[string]string, body []byte) error) endpoint {
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

// checkKind refuses a kind of resource that does not exist, unless it is a scenario's variable.
func (c *Control) checkKind(kind string) error {
	if kind == "" || strings.Contains(kind, "${") {
		return nil
	}
	_, err := c.machine(kind)
	return asInput("", err)
}

// plain is a response that is not made of JSON by the surface: text, or JSON that is ready.
type plain struct {
	contentType string
	text        []byte
}

// stream is a response of any length, written while it happens.
type stream struct {
	contentType string
	write       func(w http.ResponseWriter)
}

// reply is the response of a handler that has several forms. A is the usual one; value may also be a plain one, or
// any other that the call's row declares.
type reply[A any] struct {
	value  any
	status int // 0 is the row's first
}

func (r reply[A]) shown() (value any, status int) { return r.value, r.status }

func (r reply[A]) usual() reflect.Type { return reflect.TypeFor[A]() }

// several is any reply.
type several interface {
	shown() (value any, status int)
	usual() reflect.Type
}

// responseType is the type of the response's JSON, nil for a response that is never JSON.
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
