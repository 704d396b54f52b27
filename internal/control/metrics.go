package control

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// MetricsPath is the default path of Prometheus. It is the only call outside Prefix.
const MetricsPath = "/metrics"

func getMetrics(c *Control, _ *call) (plain, error) {
	text, contentType, err := c.Metrics()
	if err != nil {
		return plain{}, err
	}
	return plain{contentType: contentType, text: text}, nil
}

// mountMetrics registers all methods of the path, so that no request for it reaches a vendor.
func (c *Control) mountMetrics(router chi.Router, row *Row) {
	router.Handle(MetricsPath,
		c.serve(&Row{Name: "WrongMethod", Open: true, Endpoint: query(func(_ *Control, r *call) (plain, error) {
			return plain{}, &Problem{Status: http.StatusMethodNotAllowed,
				Detail: fmt.Sprintf("%s does not support the method %s", MetricsPath,
					r.http.Method), Valid: []string{http.MethodGet, http.MethodHead}}
		})}))
	c.mountRow(router, MetricsPath, row)
}
