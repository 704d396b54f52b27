package control

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// MetricsPath is where Prometheus looks unless it is told otherwise; it is the one call outside Prefix.
const MetricsPath = "/metrics"

func getMetrics(c *Control, _ *call) (plain, error) {
	text, contentType, err := c.Metrics()
	if err != nil {
		return plain{}, err
	}
	return plain{contentType: contentType, text: text}, nil
}

// mountMetrics keeps the wrong methods of the path from the vendors, whose path it is not.
func (c *Control) mountMetrics(router chi.Router, row *Row) {
	router.Handle(MetricsPath, c.serve(&Row{Name: "WrongMethod", Endpoint: answer(func(_ *Control, r *call) (plain, error) {
		return plain{}, &Problem{Status: http.StatusMethodNotAllowed,
			Detail: fmt.Sprintf("%s does not take %s", MetricsPath, r.http.Method), Valid: []string{row.Method}}
	})}))
	router.Method(row.Method, MetricsPath, c.serve(row))
}
