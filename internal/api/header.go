package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/refusal"
)

// InvalidFaultError is the error of a request whose header requests a fault that is not possible. Valid lists what is.
type InvalidFaultError struct {
	Detail string
	Valid  []string
}

func (e *InvalidFaultError) Error() string { return e.Detail }

// OneRequestFault returns the status that the headers of a request ask the server to inject: X-Sim-Fault: 503, or
// Prefer: code=503 (the convention of Prism). It returns 0 if they ask for none or for a documented success. It returns
// an *InvalidFaultError if the vendor does not document the status for op and the simulator never returns it by itself:
// otherwise a typo would look like a client that survived the fault. X-Sim-Fault: 503;force accepts any status from 400
// to 599, since a proxy in between may return it.
func OneRequestFault(op *Operation, h http.Header) (status int, err error) {
	text, forced := h.Get(HeaderFault), false
	if text == "" {
		text = preferredCode(h)
	} else if code, option, ok := strings.Cut(text, ";"); ok && strings.TrimSpace(option) == "force" {
		text, forced = code, true
	}
	if text == "" {
		return 0, nil
	}
	status, convErr := strconv.Atoi(strings.TrimSpace(text))
	switch {
	case convErr == nil && slices.Contains(op.Injectable(), status):
	case convErr == nil && forced && status >= 400 && status <= 599:
	default:
		e := &InvalidFaultError{Detail: fmt.Sprintf("%s does not document the status %q", op.ID(), text)}
		for _, s := range op.Injectable() {
			e.Valid = append(e.Valid, strconv.Itoa(s))
		}
		return 0, e
	}
	if status < 400 {
		return 0, nil
	}
	return status, nil
}

// preferredCode returns the value of the preference code=N, or "". Other preferences have no effect.
func preferredCode(h http.Header) string {
	for _, line := range h.Values("Prefer") {
		for _, part := range strings.FieldsFunc(line, func(c rune) bool { return c == ',' || c == ';' }) {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if strings.EqualFold(name, "code") {
				return strings.Trim(value, `"`)
			}
		}
	}
	return ""
}

// InvalidFault is the cause of a refusal of a request whose header requests a fault that is not possible.
type InvalidFault struct {
	Detail string   `json:"detail"`
	Valid  []string `json:"valid,omitempty"`
}

// CauseKind returns refusal.InvalidFault.
func (InvalidFault) CauseKind() refusal.CauseKind { return refusal.InvalidFault }
