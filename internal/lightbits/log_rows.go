package lightbits

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// eventRows yields the events since the start of the archive, as the API returns them.
func (a *logArchive) eventRows(tx *store.Tx, after string, p *page) (bool, error) {
	for key, raw := range events.Log.Scan(tx, "", after) {
		head, body, err := events.Peek(raw)
		if err != nil {
			return false, err
		}
		if head.At.Before(a.since) {
			if !p.skip(key) {
				return false, nil
			}
		} else if !p.add(key, body) {
			return false, nil
		}
	}
	return true, nil
}

// logRows yields a line for each event of one of the types for which wanted returns true.
func (a *logArchive) logRows(wanted func(*events.Event) bool, types ...events.Type) rows {
	return func(tx *store.Tx, after string, p *page) (bool, error) {
		for key, raw := range events.Log.Scan(tx, "", after) {
			head, body, err := events.Peek(raw)
			if err != nil {
				return false, err
			}
			var e events.Event
			if !head.At.Before(a.since) && slices.ContainsFunc(types, head.Is) {
				if err := wire.Unmarshal(body, &e); err != nil {
					return false, err
				}
			}
			next := p.skip
			if e.ID != "" && wanted(&e) {
				next = func(key string) bool { return p.add(key, logLine(&e)) }
			}
			if !next(key) {
				return false, nil
			}
		}
		return true, nil
	}
}

// logLine formats an event as a line of a log.
func logLine(e *events.Event) []byte {
	return fmt.Appendf(nil, "%s %-8s [%s] %s (%d): %s",
		logTime(e.Time), e.Severity, e.ReportingService, e.EventName, e.EventCode, e.Description)
}

// bodies yields the stored bodies of a machine's rows, as the API returns them.
func bodies[B any](m *statemachine.Machine[B]) rows {
	return func(tx *store.Tx, after string, p *page) (bool, error) {
		for key, raw := range m.Table().Scan(tx, "", after) {
			if !p.add(key, statemachine.Peek(raw).Body) {
				return false, nil
			}
		}
		return true, nil
	}
}

// dumped yields a machine's rows with their keys and states.
func dumped[B any](m *statemachine.Machine[B]) rows {
	return func(tx *store.Tx, after string, p *page) (bool, error) {
		for key, raw := range m.Table().Scan(tx, "", after) {
			row := statemachine.Peek(raw)
			line := fmt.Appendf(nil, `{"key":%q,"state":%q,"value":`, strings.ReplaceAll(key, "\x00", "/"), row.State)
			if !p.add(key, append(append(line, row.Body...), '}')) {
				return false, nil
			}
		}
		return true, nil
	}
}

// shownRows yields the rows of a machine as show returns them, except those for which it returns errNotYet.
func shownRows[B any](m *statemachine.Machine[B], show func(*store.Tx, *B) (B, error)) rows {
	return func(tx *store.Tx, after string, p *page) (bool, error) {
		for key, row := range m.Table().All(tx, "", after) {
			shown, err := show(tx, &row.Body)
			if errors.Is(err, errNotYet) {
				if !p.skip(key) {
					return false, nil
				}
				continue
			}
			if err != nil {
				return false, err
			}
			line, err := wire.Append(nil, &shown, zero)
			if err != nil {
				return false, err
			}
			if !p.add(key, line) {
				return false, nil
			}
		}
		return true, nil
	}
}

// tableRows yields the rows of a table as show returns them.
func tableRows[B any](t *store.Table[B], show func(*B) any) rows {
	return func(tx *store.Tx, after string, p *page) (bool, error) {
		for key, row := range t.All(tx, "", after) {
			line, err := wire.Append(nil, show(&row), zero)
			if err != nil {
				return false, err
			}
			if !p.add(key, line) {
				return false, nil
			}
		}
		return true, nil
	}
}
