package openapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"storagesim/internal/fixture/document"
)

// maxTag bounds the text of a tag.
const maxTag = 1 << 10

// describe adds what the tags of the member's field say to its schema: doc is the description, range and example are
// keywords, default is a sentence of the description. So is a range that no keyword can express.
func (m *member) describe(s *Schema) {
	sentences := []string{sentence(m.tag.Get("doc"))}
	if text := m.tag.Get("range"); text != "" && !s.limit(text) {
		sentences = append(sentences, "Range: "+rangeText(text)+".")
	}
	if text := m.tag.Get("default"); text != "" {
		sentences = append(sentences, "Default: "+text+".") // generators make a member with the keyword required
	}
	if text := m.tag.Get("example"); text != "" {
		if example := m.value(s, text); example != nil {
			s.Examples = []any{example}
		}
	}
	if strings.HasPrefix(m.tag.Get("type"), "duration") {
		for _, form := range append([]*Schema{s}, s.AnyOf...) {
			if form.Type == "string" {
				form.Pattern = goDuration
			}
		}
	}
	s.Description = strings.TrimSpace(strings.Join(sentences, " "))
}

// sentence returns the text with a capital letter at its beginning and a full stop at its end. A text that begins with
// a name, such as "before: the operation does not run", keeps its first letter.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if first, _, _ := strings.Cut(text, " "); !strings.HasSuffix(first, ":") && strings.Trim(first, lower) == "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return strings.TrimSuffix(text, ".") + "."
}

const lower = "abcdefghijklmnopqrstuvwxyz"

// numbers matches the ranges of numbers: ">0", "1 or more", "0..", "0..5" and "0 to 5".
var numbers = regexp.MustCompile(
	`^(?:>(-?[0-9]+)|(-?[0-9]+)(?:\.\.| or more)|(-?[0-9]+)(?:\.\.| to )(-?[0-9]+))(?:, and .*)?$`)

// rangeText returns a range as a text: "1..5" becomes "1 to 5".
func rangeText(text string) string {
	low, high, is := strings.Cut(text, "..")
	switch {
	case is && high == "":
		return low + " or more"
	case is:
		return low + " to " + high
	case strings.HasPrefix(text, ">"):
		return "more than " + text[1:]
	}
	return text
}

// limit sets the bounds of a number. It reports whether they say all that the range says.
func (s *Schema) limit(text string) bool {
	if len(s.AnyOf) > 0 {
		return false
	}
	parts := numbers.FindStringSubmatch(text)
	if name, _ := s.Type.(string); parts == nil || name != "integer" && name != "number" {
		return false
	}
	switch {
	case parts[1] != "":
		s.ExclusiveMinimum = json.Number(parts[1])
	case parts[2] != "":
		s.Minimum = json.Number(parts[2])
	default:
		s.Minimum, s.Maximum = json.Number(parts[3]), json.Number(parts[4])
	}
	return !strings.Contains(text, ", and ")
}

// value returns the JSON value that the text of a tag stands for, or nil if the text is no value of the member.
func (m *member) value(s *Schema, text string) any {
	name, _ := s.Type.(string)
	kind := m.t
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if name == "string" || kind.Kind() == reflect.String {
		if unquoted := ""; json.Unmarshal([]byte(text), &unquoted) == nil {
			return unquoted
		}
		if strings.Contains(text, " ") && text == m.tag.Get("default") || s.Enum != nil && !slices.Contains(s.Enum, text) {
			return nil // a description
		}
		return text
	}
	doc, err := document.Parse([]byte(text), document.Limits{Bytes: maxTag, Depth: maxTag})
	if err != nil {
		return nil
	}
	var value any
	reader := json.NewDecoder(bytes.NewReader(doc.JSON()))
	reader.UseNumber()
	if err := reader.Decode(&value); err != nil {
		return nil
	}
	if word, is := value.(string); is && (name != "" || s.Ref != "" || strings.Contains(word, " ")) {
		return nil // a description
	}
	return value
}
