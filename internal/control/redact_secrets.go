package control

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"storagesim/internal/api"
)

// secretMember matches a JSON member with a secret string, which may be truncated. The member payload is the key of a
// credential.
const secretMember = `(?i)("(?:` + secretNames + `)"\s*:\s*)"(?:[^"\\]|\\.)*"?`

// secretName matches the name of such a member, or of a parameter.
const secretName = `(?i)^(?:` + secretNames + `)$`

const secretNames = `[^"\\]*(?:passw(?:or)?d|secret|token|private_?key|api_?key|access_?key|encrypted_?key)[^"\\]*` +
	`|payload|jwt|credential`

// harmless are names that match secretNames but hold no secret: page tokens and types.
var harmless = map[string]bool{
	"nexttoken": true, "nextpagetoken": true, "pagetoken": true, "tokentype": true, "token_type": true,
	"targetsecrettype": true,
}

const redacted = "[redacted]"

// minSecret is the minimum length, in bytes, of a secret that is redacted wherever it occurs. A shorter one is redacted
// only where it was found, because it can occur in any text by chance.
const minSecret = 6

// redact returns the exchange without secrets: those in Authorization and similar headers, in members and parameters
// with names like "password", and all other occurrences of the same values.
func (c *Control) redact(x api.Exchange) api.Exchange {
	var values []string
	x.Header, values = redactHeader(x.Header, values)
	x.AnswerHeader, values = redactHeader(x.AnswerHeader, values)
	x.Body, values = c.redactText(x.Body, x.Header.Get("Content-Type"), values)
	x.Answer, values = c.redactText(x.Answer, "", values)
	x.URL, values = c.redactURL(x.URL, values)
	values = slices.DeleteFunc(values, func(v string) bool { return len(v) < minSecret })
	if len(values) == 0 {
		return x
	}
	return everywhere(x, values)
}

// everywhere redacts the values in all texts of the exchange. A cause that contains one becomes JSON.
func everywhere(x api.Exchange, values []string) api.Exchange {
	var pairs []string
	for _, v := range values {
		quoted, _ := json.Marshal(v) // texts always marshal
		pairs = append(pairs, v, redacted, string(quoted[1:len(quoted)-1]), redacted, url.QueryEscape(v), redacted)
	}
	replacer := strings.NewReplacer(pairs...)
	x.URL, x.Body = replacer.Replace(x.URL), replacer.Replace(x.Body)
	x.Answer, x.Hint = replacer.Replace(x.Answer), replacer.Replace(x.Hint)
	for _, h := range []http.Header{x.Header, x.AnswerHeader} {
		for _, list := range h {
			for i := range list {
				list[i] = replacer.Replace(list[i])
			}
		}
	}
	x.Faults = slices.Clone(x.Faults)
	for i := range x.Faults {
		x.Faults[i].Why = replacer.Replace(x.Faults[i].Why)
	}
	if text, err := json.Marshal(x.Cause); err == nil && x.Cause != nil && replacer.Replace(string(text)) != string(text) {
		x.Cause = json.RawMessage(replacer.Replace(string(text)))
	}
	if x.About != nil {
		f := *x.About
		f.Rule, f.Names = replacer.Replace(f.Rule), slices.Clone(f.Names)
		for i := range f.Names {
			f.Names[i] = replacer.Replace(f.Names[i])
		}
		x.About = &f
	}
	return x
}

// redactHeader returns a copy of the header without secrets, and the values with the secrets appended.
func redactHeader(h http.Header, values []string) (http.Header, []string) {
	h = h.Clone()
	for _, name := range []string{"Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "X-Api-Key"} {
		for i, value := range h[name] {
			scheme, rest, ok := strings.Cut(value, " ")
			if !ok || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Basic") {
				h[name][i], values = redacted, append(values, value)
				continue
			}
			h[name][i], values = scheme+" "+redacted, append(values, rest)
			if pair, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "Basic") {
				_, password, _ := strings.Cut(string(pair), ":")
				values = append(values, password)
			}
		}
	}
	return h, values
}

// redactURL redacts the secrets in the query of a URL.
func (c *Control) redactURL(target string, values []string) (string, []string) {
	at, query, ok := strings.Cut(target, "?")
	if !ok {
		return target, values
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil && c.isSecret(plain) && value != "" {
			parts[i] = name + "=" + redacted
			if plain, err := url.QueryUnescape(value); err == nil {
				values = append(values, plain)
			}
		}
	}
	return at + "?" + strings.Join(parts, "&"), values
}

func (c *Control) isSecret(name string) bool {
	return c.secretName.MatchString(name) && !harmless[strings.ToLower(name)]
}

// redactText redacts the secrets in a form or in JSON, which may be truncated.
func (c *Control) redactText(text, contentType string, values []string) (string, []string) {
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(text)
		if err != nil {
			return redacted, values
		}
		for name := range form {
			if c.isSecret(name) {
				values = append(values, form[name]...)
				form.Set(name, redacted)
			}
		}
		return form.Encode(), values
	}
	var document any
	if json.Unmarshal([]byte(text), &document) == nil {
		before := len(values)
		document, values = c.withoutSecrets(document, values)
		if len(values) > before && strings.Contains(text, `\u`) {
			plain, _ := json.Marshal(document) // it was decoded from JSON
			return string(plain), values       // escapes can hide names and secrets from the regular expression
		}
	}
	return c.secret.ReplaceAllStringFunc(text, func(member string) string {
		name, rest, _ := strings.Cut(member[1:], `"`)
		if !c.isSecret(name) {
			return member
		}
		return `"` + name + `"` + rest[:strings.IndexByte(rest, '"')] + `"` + redacted + `"`
	}), values
}

// withoutSecrets redacts the secrets in a decoded JSON document.
func (c *Control) withoutSecrets(v any, values []string) (any, []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if c.isSecret(name) {
				v[name], values = hidden(member, values)
				continue
			}
			v[name], values = c.withoutSecrets(member, values)
		}
	case []any:
		for i := range v {
			v[i], values = c.withoutSecrets(v[i], values)
		}
	}
	return v, values
}

// hidden redacts all strings in the value of a secret member.
func hidden(v any, values []string) (any, []string) {
	switch v := v.(type) {
	case string:
		return redacted, append(values, v)
	case []any:
		for i := range v {
			v[i], values = hidden(v[i], values)
		}
	case map[string]any:
		for name := range v {
			v[name], values = hidden(v[name], values)
		}
	}
	return v, values
}
