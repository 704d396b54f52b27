package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

func (s *Server) write(w http.ResponseWriter, r *Request, out outcome) {
	s.mark(w, r, out)
	Write(w, out.resp)
}

// mark adds the headers with the request's id, its world and the injected faults, and a Date of the world's clock. The
// Date of a response without a world is that of the wall clock.
func (s *Server) mark(w http.ResponseWriter, r *Request, out outcome) {
	h := w.Header()
	values := [...]string{r.ID, HeaderText(r.World), out.fault} // one allocation
	h[HeaderRequestID], h[HeaderWorld] = values[0:1:1], values[1:2:2]
	if out.fault != "" {
		h[HeaderFault] = values[2:3:3]
	}
	at := out.at
	if at.IsZero() {
		var err error
		if at, err = s.engine.Now(r.World); err != nil {
			at = s.wall()
		}
	}
	h["Date"] = s.date.header(at)
}

// HeaderText returns a name as the value of a response header: the name itself or, if a header cannot have it, quoted
// in ASCII. A client that names a world with a zero byte could not read the response otherwise.
func HeaderText(name string) string {
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return strconv.QuoteToASCII(name)
		}
	}
	return name
}

// Write sends a response.
func Write(w http.ResponseWriter, resp Response) {
	writeHead(w, resp)
	_, _ = w.Write(resp.Body) // the client may have disconnected
}

// writeHead sends the status and the headers of a response.
func writeHead(w http.ResponseWriter, resp Response) {
	h := w.Header()
	for name, value := range resp.Header {
		h.Set(name, value)
	}
	values := [...]string{resp.ContentType, ""}
	if resp.ContentType != "" {
		h["Content-Type"] = values[0:1:1]
	}
	if resp.Status != http.StatusNoContent {
		values[1] = strconv.Itoa(len(resp.Body))
		h["Content-Length"] = values[1:2:2]
	}
	w.WriteHeader(resp.Status)
}

// ProblemBody is the body of a response of the simulator itself, not of a vendor (RFC 9457).
type ProblemBody struct {
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Valid  []string `json:"valid,omitempty" doc:"The valid values."`
}

// Problem returns a response of the simulator itself, an application/problem+json with the message of err.
func Problem(status int, err error) Response {
	body := ProblemBody{Title: http.StatusText(status), Status: status, Detail: err.Error()}
	var fault *InvalidFaultError
	if errors.As(err, &fault) {
		body.Valid = fault.Valid
	}
	text, _ := json.Marshal(body) // strings and numbers always marshal
	return Response{Status: status, ContentType: "application/problem+json", Body: text}
}
