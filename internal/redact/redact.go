// Package redact removes secrets from requests and responses before they reach the journal, an event, the log or an
// export. It judges by content and by names, never by a Content-Type, because clients send JSON and forms under any.
// Everything that is not a secret stays byte for byte as it was.
package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Mark stands in place of a secret.
const Mark = "[redacted]"

// minSecret is the minimum length, in bytes, of a secret that Echoes removes. A shorter one can occur in any text by
// chance. minNumber is the same for a number.
const (
	minSecret = 6
	minNumber = 8
	maxFound  = 64 // remembered secrets; a client that sends more must not make a listing slow
)

// Redactor removes the secrets of one request and its response. It remembers them, so that Echoes can remove them from
// texts that repeat them, such as an error message. The zero value is ready to use.
type Redactor struct {
	values []string
}

// Text returns a body without secrets. A text that begins with { or [ is JSON, complete or not; any other is a form or
// plain text.
func Text(body string) string { return new(Redactor).Text(body) }

// Line returns a line of text without secrets: an error message or a line of the log.
func Line(text string) string { return new(Redactor).Line(text) }

// URL returns the target of a request without secrets.
func URL(target string) string { return new(Redactor).URL(target) }

// found remembers a secret.
func (r *Redactor) found(value string) {
	if len(value) >= minSecret && len(r.values) < maxFound && value != Mark && !slices.Contains(r.values, value) {
		r.values = append(r.values, value)
	}
}

// Text returns a body without secrets. See the function Text.
func (r *Redactor) Text(body string) string {
	trimmed := strings.TrimLeft(body, " \t\r\n\ufeff")
	if trimmed == "" {
		return body
	}
	if strings.IndexByte(`{["`, trimmed[0]) >= 0 {
		out := r.json(body)
		if !json.Valid([]byte(trimmed)) {
			out = r.members(out)
		}
		return out
	}
	return r.members(r.form(body))
}

// Line returns a line of text without secrets. See the function Line.
func (r *Redactor) Line(text string) string { return r.plain(text) }

// URL returns the target of a request without secrets.
func (r *Redactor) URL(target string) string {
	at, query, ok := strings.Cut(target, "?")
	if !ok {
		return r.plain(target)
	}
	return r.plain(at) + "?" + r.form(query)
}

// form redacts the values of a form or of the query of a URL: name=value, separated by &.
func (r *Redactor) form(text string) string {
	if !strings.Contains(text, "=") {
		return r.plain(text)
	}
	parts := strings.Split(text, "&")
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || strings.ContainsAny(strings.TrimSpace(name), " \t\r\n"):
			parts[i] = r.plain(part)
		case value == "":
		case IsSecret(unescaped(name)):
			r.found(strings.TrimRight(unescaped(value), "\r\n"))
			parts[i] = name + "=" + Mark
		default:
			parts[i] = name + "=" + r.escaped(value)
		}
	}
	return strings.Join(parts, "&")
}

// escaped redacts a value that may be percent-encoded. It stays as it is if it has no secret.
func (r *Redactor) escaped(value string) string {
	decoded, err := url.QueryUnescape(value)
	if err != nil || decoded == value {
		return r.plain(value)
	}
	if clean := r.inner(decoded); clean != decoded {
		return strings.ReplaceAll(url.QueryEscape(clean), url.QueryEscape(Mark), Mark)
	}
	return value
}

func unescaped(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

// Header returns a copy of the header without secrets. The schemes Bearer and Basic stay.
func (r *Redactor) Header(h http.Header) http.Header {
	h = h.Clone()
	for name, values := range h {
		for i, value := range values {
			values[i] = r.field(name, value)
		}
	}
	return h
}

func (r *Redactor) field(name, value string) string {
	if !IsSecret(name) {
		return r.plain(value)
	}
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Basic") {
		if value != "" {
			r.found(value)
			value = Mark
		}
		return value
	}
	rest = strings.TrimSpace(rest)
	r.found(rest)
	if pair, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "Basic") {
		_, password, _ := strings.Cut(string(pair), ":")
		r.found(password)
	}
	return scheme + " " + Mark
}

// Echoes returns a function that removes from a text the secrets that were found so far, or nil if there are none.
func (r *Redactor) Echoes() func(text string) string {
	if len(r.values) == 0 {
		return nil
	}
	values := slices.Clone(r.values)
	slices.SortStableFunc(values, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, v := range values {
		quoted, _ := json.Marshal(v) // texts always marshal
		for _, form := range []string{v, string(quoted[1 : len(quoted)-1]), url.QueryEscape(v), url.PathEscape(v)} {
			pairs = append(pairs, form, Mark)
		}
	}
	replacer := strings.NewReplacer(pairs...)
	return func(text string) string {
		for i := 0; i < len(pairs); i += 2 {
			if strings.Contains(text, pairs[i]) {
				return replacer.Replace(text)
			}
		}
		return text
	}
}
