package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"storagesim/internal/api"
)

// requestPage is a page of the journal that is to be written.
type requestPage struct {
	found   []api.Found
	dropped uint64
	next    string
	har     bool
}

// pageBuffer is the number of bytes of a page that are written at once.
const pageBuffer = 32 << 10

// writeRequests writes a page as requestList, or as a HAR file. It encodes one exchange at a time, so that a large
// journal and a slow client take no memory. It leaves out what the journal drops meanwhile.
func (c *Control) writeRequests(w http.ResponseWriter, page *requestPage) {
	out := pageWriter{w: w, control: http.NewResponseController(w), wall: c.Wall}
	encode := func(x *api.Exchange) any { return x }
	head, tail := []byte(`{"requests":[`), []byte(`],"dropped":`+strconv.FormatUint(page.dropped, 10))
	if page.next != "" {
		tail = append(tail, `,"next":"`+page.next+`"`...)
	}
	tail = append(tail, "}\n"...)
	if page.har {
		encode = func(x *api.Exchange) any { return harOf(x) }
		text, _ := json.Marshal(harFile{Log: c.harHead(page.dropped)}) // texts always marshal
		const end = `[]}}`
		head, tail = append(bytes.TrimSuffix(text, []byte(end)), '['), []byte("]}}\n")
	}
	out.buf.Write(head)
	first := true
	for _, found := range page.found {
		x, ok := c.Journal.Read(found)
		if !ok {
			continue
		}
		x = x.Redacted()
		text, err := json.Marshal(encode(&x))
		if err != nil {
			c.Log.Error().Err(err).Str("request_id", x.ID).Msg("an exchange could not be encoded")
			continue
		}
		if !first {
			out.buf.WriteByte(',')
		}
		first = false
		out.buf.Write(text)
		if out.buf.Len() >= pageBuffer && !out.flush() {
			return
		}
	}
	out.buf.Write(tail)
	out.flush()
}

// pageWriter writes a buffer to a client that must read it within writeWithin.
type pageWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	wall    func() time.Time
	buf     bytes.Buffer
}

func (o *pageWriter) flush() bool {
	err := o.control.SetWriteDeadline(o.wall().Add(writeWithin))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	_, err = o.w.Write(o.buf.Bytes())
	o.buf.Reset()
	_ = o.control.SetWriteDeadline(time.Time{}) // the connection may serve other requests
	return err == nil
}
