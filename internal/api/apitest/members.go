package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// members checks that a response has no member that the vendor's documents do not have, in exact case. Resources are
// found by reading lists; Options.Good makes some first.
func (s *suite) members(t *testing.T) {
	checked := 0
	check := func(t *testing.T, op *api.Operation, path string) {
		url, ok := s.existing(t, path)
		if !ok {
			return
		}
		a := s.do(t, op.Method, url, s.body(op))
		require.NotEqual(t, http.StatusInternalServerError, a.Status, "%s", a.Body)
		if a.Status >= http.StatusMultipleChoices || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
			return
		}
		checked++
		require.Empty(t, s.strangers(op, path, a.Body), "%s %s answers members that no document has: %s", op.Method, url,
			a.Body)
	}
	for _, good := range s.Good {
		s.each(t, func(op *api.Operation) bool { return op.Implemented() && op.Name == good.Operation }, check)
	}
	s.each(t, func(op *api.Operation) bool { return op.Implemented() && op.Reads() }, check)
	s.each(t, func(op *api.Operation) bool { return op.Implemented() && !op.Reads() && s.good(op) < 0 }, check)
	if slices.ContainsFunc(s.target.Service.Operations, func(op api.Operation) bool { return op.Implemented() }) {
		require.Positive(t, checked, "no emulated row answered a success")
	}
}

// existing fills a path with IDs of existing resources: each parameter from the list whose path precedes it.
func (s *suite) existing(t testing.TB, path string) (string, bool) {
	at := strings.Index(path, "/{")
	if at < 0 {
		return path, true
	}
	name, rest, _ := strings.Cut(path[at+2:], "}")
	list := s.do(t, http.MethodGet, path[:at], "")
	var found map[string]json.RawMessage
	if list.Status != http.StatusOK || json.Unmarshal(list.Body, &found) != nil {
		return "", false
	}
	for _, text := range found {
		var things []map[string]any
		if json.Unmarshal(text, &things) != nil || len(things) == 0 {
			continue
		}
		keys := []string{name, "UUID", "ID", "id", "serialNumber", "serial", "name"}
		if strings.HasSuffix(name, "Name") {
			slices.Reverse(keys[1:])
		}
		for _, key := range keys {
			if id, ok := things[0][key].(string); ok && id != "" {
				return s.existing(t, path[:at]+"/"+id+rest)
			}
		}
	}
	return "", false
}

// strangers returns the members of a response that the documents do not have.
func (s *suite) strangers(op *api.Operation, path string, body []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var answer any
	if err := dec.Decode(&answer); err != nil {
		return []string{err.Error()}
	}
	if s.target.Service.Vendor == "lightbits" {
		messages := LightbitsMessages()
		if message, ok := messages.Answers[op.Method+" "+erase(path)]; ok {
			return messages.strangers(message, "", answer)
		}
	}
	known := s.row(op).Response
	return flatStrangers(known, "", answer)
}

// flatStrangers checks against the member names of a page, which does not say how they nest. A page without names
// allows every name.
func flatStrangers(known []string, at string, v any) []string {
	var found []string
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if len(known) > 0 && !slices.Contains(known, name) {
				found = append(found, at+"."+name)
			}
			found = append(found, flatStrangers(known, at+"."+name, value)...)
		}
	case []any:
		for i, value := range v {
			found = append(found, flatStrangers(known, fmt.Sprintf("%s[%d]", at, i), value)...)
		}
	}
	return found
}

// strangers checks a value against a message. "" stands for an unknown message, which allows every member.
func (m Messages) strangers(message, at string, v any) []string {
	if message == "" {
		return nil
	}
	var found []string
	switch v := v.(type) {
	case []any:
		element, repeated := strings.CutPrefix(message, "*")
		if !repeated {
			return []string{at + " is a list"}
		}
		for i, value := range v {
			found = append(found, m.strangers(element, fmt.Sprintf("%s[%d]", at, i), value)...)
		}
	case map[string]any:
		if value, mapped := strings.CutPrefix(message, "map "); mapped {
			for name, held := range v {
				found = append(found, m.strangers(value, at+"."+name, held)...)
			}
			return found
		}
		for name, held := range v {
			typ, known := m.Members[message][name]
			if !known {
				found = append(found, at+"."+name)
				continue
			}
			found = append(found, m.strangers(typ, at+"."+name, held)...)
		}
	}
	return found
}
