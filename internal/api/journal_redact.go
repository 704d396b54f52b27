package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"storagesim/internal/redact"
)

// Redacted returns the exchange without secrets. A secret that was found in one place is removed everywhere. A cause
// that contains one becomes JSON.
func (x Exchange) Redacted() Exchange {
	var r redact.Redactor
	x.Header, x.AnswerHeader = r.Header(x.Header), r.Header(x.AnswerHeader)
	x.Body, x.Answer, x.URL = r.Text(x.Body), r.Text(x.Answer), r.URL(x.URL)
	echoes := r.Echoes()
	line := func(text string) string {
		if echoes != nil {
			text = echoes(text)
		}
		return r.Line(text)
	}
	if echoes != nil {
		x.URL, x.Body, x.Answer = echoes(x.URL), echoes(x.Body), echoes(x.Answer)
		for _, h := range []http.Header{x.Header, x.AnswerHeader} {
			for _, list := range h {
				for i := range list {
					list[i] = echoes(list[i])
				}
			}
		}
	}
	if x.Lost != nil {
		lost := *x.Lost
		if lost.Answer = r.Text(lost.Answer); echoes != nil {
			lost.Answer = echoes(lost.Answer)
		}
		x.Lost = &lost
	}
	x.Hint = line(x.Hint)
	x.Faults = slices.Clone(x.Faults)
	for i := range x.Faults {
		x.Faults[i].Why = line(x.Faults[i].Why)
	}
	x.Cause = redactCause(x.Cause, line)
	if x.About != nil {
		about := *x.About
		about.Rule, about.Names = line(about.Rule), slices.Clone(about.Names)
		for i := range about.Names {
			about.Names[i] = line(about.Names[i])
		}
		x.About = &about
	}
	return x
}

// redactCause redacts all texts of a cause. The names of its members are the simulator's own and no sign of a secret.
func redactCause(cause any, line func(string) string) any {
	text, err := json.Marshal(cause)
	if cause == nil || err != nil || line(string(text)) == string(text) {
		return cause
	}
	var document any
	if json.Unmarshal(text, &document) != nil {
		return nil
	}
	text, err = json.Marshal(redactTexts(document, line))
	if err != nil {
		return nil
	}
	return json.RawMessage(text)
}

func redactTexts(v any, line func(string) string) any {
	switch v := v.(type) {
	case string:
		return line(v)
	case []any:
		for i := range v {
			v[i] = redactTexts(v[i], line)
		}
	case map[string]any:
		for name := range v {
			v[name] = redactTexts(v[name], line)
		}
	}
	return v
}
