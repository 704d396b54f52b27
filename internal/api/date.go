package api

import (
	"net/http"
	"sync/atomic"
	"time"
)

// httpDate formats instants for the header Date. It keeps the last one, since most responses of a second have the same.
type httpDate struct{ last atomic.Pointer[formattedDate] }

type formattedDate struct {
	second int64
	values []string // of the header
}

// header returns the values of the header Date for an instant.
func (d *httpDate) header(at time.Time) []string {
	second := at.Unix()
	if last := d.last.Load(); last != nil && last.second == second {
		return last.values
	}
	values := []string{at.UTC().Format(http.TimeFormat)}
	d.last.Store(&formattedDate{second: second, values: values})
	return values
}
