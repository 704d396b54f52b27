package redact

import (
	"encoding/json"
	"strings"
)

// scanner redacts JSON that may be truncated or broken: it copies all bytes except the values of secret members.
// Outside of strings it accepts single quotes and bare words too.
type scanner struct {
	r      *Redactor
	src    string
	at     int
	out    strings.Builder
	copied int
	hidden []bool // for each open container, the outermost first: whether its values are secrets
	secret bool   // the last name was secret, and its value has not come yet
	value  bool   // the last byte that is not a space was the colon after a name
}

// json returns the document without secrets.
func (r *Redactor) json(src string) string {
	s := scanner{r: r, src: src}
	for s.at < len(src) {
		s.next()
	}
	return s.result()
}

// container redacts all values of the list or object that src begins with. It returns the rest of src.
func (r *Redactor) container(src string) (clean, rest string) {
	s := scanner{r: r, src: src, secret: true}
	for s.next(); s.at < len(src) && len(s.hidden) > 0; {
		s.next()
	}
	s.src = src[:s.at]
	return s.result(), src[s.at:]
}

func (s *scanner) result() string {
	if s.copied == 0 {
		return s.src
	}
	s.out.WriteString(s.src[s.copied:])
	return s.out.String()
}

// put replaces the bytes from begin to end.
func (s *scanner) put(begin, end int, text string) {
	s.out.WriteString(s.src[s.copied:begin])
	s.out.WriteString(text)
	s.copied = end
}

// hides reports whether a value at the present place is a secret.
func (s *scanner) hides() bool {
	return s.secret || len(s.hidden) > 0 && s.hidden[len(s.hidden)-1]
}

// next reads the next token.
func (s *scanner) next() {
	switch c := s.src[s.at]; c {
	case ' ', '\t', '\r', '\n':
		s.at++
	case '{', '[':
		s.hidden = append(s.hidden, s.hides())
		s.secret, s.value = false, false
		s.at++
	case '}', ']':
		s.hidden = s.hidden[:max(len(s.hidden)-1, 0)]
		s.secret, s.value = false, false
		s.at++
	case ',':
		s.secret, s.value = false, false
		s.at++
	case ':':
		s.value = true
		s.at++
	default:
		s.token(c)
	}
}

// token reads a name or a value.
func (s *scanner) token(c byte) {
	begin := s.at
	if c == '"' || c == '\'' {
		s.at = endOfString(s.src, begin, c)
	} else {
		s.at = s.endOfWord(begin)
	}
	after := s.at
	for after < len(s.src) && strings.IndexByte(" \t\r\n", s.src[after]) >= 0 {
		after++
	}
	if !s.value && after < len(s.src) && s.src[after] == ':' {
		s.secret = IsSecret(content(s.src[begin:s.at]))
		return
	}
	s.redact(begin)
	s.secret, s.value = false, false
}

// endOfString returns the offset after the string that begins at begin.
func endOfString(src string, begin int, quote byte) int {
	for i := begin + 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return len(src)
}

// endOfWord returns the offset after a bare word. A secret one extends to the end of the value.
func (s *scanner) endOfWord(begin int) int {
	ends := " \t\r\n,:{}[]\"'"
	if s.value && s.hides() {
		ends = "\r\n,}]"
	}
	if n := strings.IndexAny(s.src[begin+1:], ends); n >= 0 {
		return begin + 1 + n
	}
	return len(s.src)
}

// redact redacts the value from begin to the present place.
func (s *scanner) redact(begin int) {
	token := s.src[begin:s.at]
	if s.hides() {
		text := content(token)
		switch {
		case text == "" || text == Mark:
		case token == "true" || token == "false" || token == "null":
		default:
			if token[0] == '"' || len(text) >= minNumber {
				s.r.found(text)
			}
			s.put(begin, s.at, `"`+Mark+`"`)
		}
		return
	}
	if token[0] != '"' && token[0] != '\'' || !suspicious(token) && !strings.ContainsAny(token, `\{[`) {
		return
	}
	text := content(token)
	if clean := s.r.inner(text); clean != text {
		quoted, _ := json.Marshal(clean) // texts always marshal
		s.put(begin, s.at, string(quoted))
	}
}

// content returns the text of a string or of a bare word.
func content(token string) string {
	if token[0] != '"' && token[0] != '\'' {
		return strings.TrimSpace(token)
	}
	var text string
	if json.Unmarshal([]byte(token), &text) == nil {
		return text
	}
	inside := token[1:]
	if n := len(inside); n > 0 && inside[n-1] == token[0] {
		inside = inside[:n-1]
	}
	if json.Unmarshal([]byte(`"`+inside+`"`), &text) == nil {
		return text
	}
	return inside
}
