package redact

import (
	"regexp"
	"strings"
)

var (
	// userInfo is the user and the password of a URL.
	userInfo = regexp.MustCompile(`(//)([^\s/?#"'<>\\]+)@`)
	// pair is a parameter in the middle of a text.
	pair = regexp.MustCompile(`([\w.%\[\]-]+)=("[^"]*"|[^\s&;,"'<>]+)`)
	// jwt is a signed token, opaque a token that the simulator minted.
	jwt    = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]*`)
	opaque = regexp.MustCompile(`\bsim\.([a-z0-9-]{1,63})\.[\w-]+`)
	// pem is a private key, which may be truncated.
	pem = regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*`)
	// member is the name of a member in broken JSON, YAML and the like, with what separates it from its value, and value
	// is the value of a secret one.
	member = regexp.MustCompile(`([A-Za-z_][\w.-]*)["']?[ \t]*[:=][ \t]*`)
	value  = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&}\])"'\[{]+)`)
	// part is a field of a multipart form.
	part = regexp.MustCompile(`(?i)(name="([^"]*)"[^\r\n]*(?:\r?\n[^\r\n]+)*\r?\n\r?\n)([^\r\n]+)`)
)

// inner redacts a text inside another one: a JSON string, or a parameter.
func (r *Redactor) inner(text string) string {
	if text != "" && (text[0] == '{' || text[0] == '[') {
		return r.json(text)
	}
	return r.plain(text)
}

// suspicious reports whether plain may find anything in the text. It is fast.
func suspicious(text string) bool {
	return strings.Contains(text, "=") || strings.Contains(text, "//") || strings.Contains(text, "eyJ") ||
		strings.Contains(text, "sim.") || strings.Contains(text, "PRIVATE KEY")
}

// plain redacts what is secret in any text: user information in URLs, parameters with secret names, tokens and private
// keys.
func (r *Redactor) plain(text string) string {
	if !suspicious(text) {
		return text
	}
	if strings.Contains(text, "//") && strings.Contains(text, "@") {
		text = replace(userInfo, text, func(m []string) string {
			if _, password, ok := strings.Cut(m[2], ":"); ok {
				r.found(unescaped(password))
			} else {
				r.found(unescaped(m[2]))
			}
			return m[1] + Mark + "@"
		})
	}
	if strings.Contains(text, "=") {
		text = replace(pair, text, func(m []string) string {
			value := strings.Trim(m[2], `"`)
			if value == "" || value == Mark || !IsSecret(unescaped(m[1])) {
				return m[0]
			}
			r.found(unescaped(value))
			return m[1] + "=" + Mark
		})
	}
	for _, token := range []*regexp.Regexp{jwt, opaque, pem} {
		text = replace(token, text, func(m []string) string {
			switch token {
			case opaque:
				return "sim." + m[1] + "." + Mark
			case pem:
				return m[1] + Mark
			}
			return Mark
		})
	}
	return text
}

// members redacts members with secret names in a text that is neither valid JSON nor a form.
func (r *Redactor) members(text string) string {
	if strings.Contains(text, `name="`) {
		text = replace(part, text, func(m []string) string {
			if !IsSecret(m[2]) || m[3] == Mark {
				return m[0]
			}
			r.found(m[3])
			return m[1] + Mark
		})
	}
	if !strings.ContainsAny(text, ":=") {
		return text
	}
	var out strings.Builder
	for {
		at := member.FindStringSubmatchIndex(text)
		if at == nil {
			out.WriteString(text)
			return out.String()
		}
		name := text[at[2]:at[3]]
		out.WriteString(text[:at[1]])
		if text = text[at[1]:]; IsSecret(name) && !strings.HasPrefix(strings.TrimLeft(text, `"'`), Mark) {
			var clean string
			clean, text = r.memberValue(text)
			out.WriteString(clean)
		}
	}
}

// memberValue redacts the value that the text begins with, if there is one. It returns the rest of the text.
func (r *Redactor) memberValue(text string) (clean, rest string) {
	if text != "" && (text[0] == '[' || text[0] == '{') {
		return r.container(text)
	}
	token := value.FindString(text)
	rest = text[len(token):]
	bare := strings.Trim(token, `"'`)
	switch token {
	case "true", "false", "null", "~":
		return token, rest
	}
	if bare == "" {
		return token, rest
	}
	r.found(bare)
	quote := ""
	if token[0] == '"' || token[0] == '\'' {
		quote = token[:1]
	}
	return quote + Mark + quote, rest
}

// replace is ReplaceAllStringFunc with the submatches of each match.
func replace(re *regexp.Regexp, text string, fn func(match []string) string) string {
	var out strings.Builder
	done := 0
	for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
		match := make([]string, len(at)/2)
		for i := range match {
			if at[2*i] >= 0 {
				match[i] = text[at[2*i]:at[2*i+1]]
			}
		}
		out.WriteString(text[done:at[0]])
		out.WriteString(fn(match))
		done = at[1]
	}
	if done == 0 {
		return text
	}
	out.WriteString(text[done:])
	return out.String()
}
