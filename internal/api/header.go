package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"storagesim/internal/refusal"
)

// InvalidFaultError says that a request asks for a fault that cannot be.
type InvalidFaultError struct {
	Detail string
	Valid  []string
}

func (e *InvalidFaultError) Error() string { return e.Detail }

// OneRequestFault reads the fault that a request asks for itself: X-Sim-Fault: 503, or Prefer: code=503 (the
// convention of Prism). 0 means none; a documented success is none either. A status that the vendor does not document
// for the operation is an error, so that a typo does not look like a client that survived; X-Sim-Fault: 503;force takes
// any from 400 to 599, as a proxy in between may answer it.
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
	case convErr == nil && op.Documents(status):
	case convErr == nil && forced && status >= 400 && status <= 599:
	default:
		e := &InvalidFaultError{Detail: fmt.Sprintf("%s does not document the status %q", op.ID(), text)}
		for _, s := range op.AllStatuses() {
			e.Valid = append(e.Valid, strconv.Itoa(s))
		}
		return 0, e
	}
	if status < 400 {
		return 0, nil
	}
	return status, nil
}

// preferredCode finds code=N among the preferences; others are not ours.
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

// ImpossibleFault is the cause of a refusal of a request that asks for a fault that cannot be.
type ImpossibleFault struct {
	Detail string   `json:"detail"`
	Valid  []string `json:"valid,omitempty"`
}

// CauseKind is refusal.FaultWish.
func (ImpossibleFault) CauseKind() refusal.CauseKind { return refusal.FaultWish }
