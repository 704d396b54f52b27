package wire

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// decoder reads one JSON text. Its methods advance pos past what they read.
type decoder struct {
	data  []byte
	pos   int
	depth int
}

// syntax returns the error of a text that is not JSON at pos, where want was expected.
func (d *decoder) syntax(want string) error {
	if d.pos >= len(d.data) {
		return &Error{Problem: fmt.Sprintf("invalid JSON at byte %d: expected %s, got the end of the text", d.pos, want)}
	}
	r, _ := utf8.DecodeRune(d.data[d.pos:])
	return &Error{Problem: fmt.Sprintf("invalid JSON at byte %d: expected %s, got %q", d.pos, want, r)}
}

func (d *decoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end.
func (d *decoder) peek() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

// word reads the literal w if it is next, and reports whether it was.
func (d *decoder) word(w string) bool {
	if len(d.data)-d.pos < len(w) || string(d.data[d.pos:d.pos+len(w)]) != w {
		return false
	}
	d.pos += len(w)
	return true
}

func (d *decoder) null() bool { return d.peek() == 'n' && d.word("null") }

// enter reads the opening byte of an object or array, and the closing one if it is empty.
func (d *decoder) enter(closing byte) (empty bool, err error) {
	if d.depth++; d.depth > MaxDepth {
		return false, &Error{Problem: fmt.Sprintf("nested too deep at byte %d: expected at most %d levels", d.pos, MaxDepth)}
	}
	d.pos++
	d.space()
	if d.peek() == closing {
		d.pos++
		d.depth--
		return true, nil
	}
	return false, nil
}

// more reads what follows an element: a comma, or the end of the object or array. It reports whether there is another
// element.
func (d *decoder) more(closing byte) (bool, error) {
	d.space()
	switch d.peek() {
	case ',':
		d.pos++
		d.space()
		return true, nil
	case closing:
		d.pos++
		d.depth--
		return false, nil
	}
	return false, d.syntax("',' or '" + string(closing) + "'")
}

// key reads a member's name and the colon. The bytes are valid until the text changes.
func (d *decoder) key() ([]byte, error) {
	if d.peek() != '"' {
		return nil, d.syntax("a member name in double quotes")
	}
	k, err := d.text()
	if err != nil {
		return nil, err
	}
	d.space()
	if d.peek() != ':' {
		return nil, d.syntax("':'")
	}
	d.pos++
	d.space()
	return k, nil
}

// text reads a string and returns its content as valid UTF-8. The result is a part of the input if nothing was
// unescaped or repaired, otherwise a copy.
func (d *decoder) text() ([]byte, error) {
	start := d.pos + 1
	ascii := true
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			if s := d.data[start:i]; ascii || utf8.Valid(s) {
				return s, nil
			}
			d.pos = start
			return d.unescape()
		case c == '\\':
			d.pos = start
			return d.unescape()
		case c < ' ':
			d.pos = i
			return nil, d.syntax("a control character to be escaped")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	d.pos = len(d.data)
	return nil, d.syntax("a closing double quote")
}

// unescape reads the rest of a string, byte by byte.
func (d *decoder) unescape() ([]byte, error) {
	var out []byte
	for d.pos < len(d.data) {
		switch c := d.data[d.pos]; {
		case c == '"':
			d.pos++
			return out, nil
		case c == '\\':
			d.pos++
			r, err := d.escape()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			return nil, d.syntax("a control character to be escaped")
		case c < utf8.RuneSelf:
			out = append(out, c)
			d.pos++
		default:
			r, size := utf8.DecodeRune(d.data[d.pos:])
			out = utf8.AppendRune(out, r)
			d.pos += size
		}
	}
	return nil, d.syntax("a closing double quote")
}

// escape reads what follows a backslash. Half a surrogate pair is U+FFFD.
func (d *decoder) escape() (rune, error) {
	c := d.peek()
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return d.unicode()
	default:
		return 0, d.syntax(`one of "\/bfnrtu after a backslash`)
	}
	d.pos++
	return rune(c), nil
}

// unicode reads uXXXX, and the second half of a surrogate pair if there is one.
func (d *decoder) unicode() (rune, error) {
	r, err := d.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	after := d.pos
	if d.word(`\`) && d.peek() == 'u' {
		low, err := d.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	d.pos = after
	return utf8.RuneError, nil
}

func (d *decoder) hex4() (rune, error) {
	end := d.pos + len("uXXXX")
	if end > len(d.data) {
		return 0, d.syntax("four hexadecimal digits after \\u")
	}
	n, err := strconv.ParseUint(string(d.data[d.pos+1:end]), 16, 16)
	if err != nil {
		return 0, d.syntax("four hexadecimal digits after \\u")
	}
	d.pos = end
	return rune(n), nil
}

// number reads a number and returns its text.
func (d *decoder) number() ([]byte, error) {
	n := numberLen(d.data[d.pos:])
	if n == 0 {
		return nil, d.syntax("a value")
	}
	d.pos += n
	return d.data[d.pos-n : d.pos], nil
}

// numberLen returns the length of the JSON number at the start of s, or 0 if there is none.
func numberLen[T string | []byte](s T) int {
	digits := func(i int) int {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i
	}
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	end := digits(i)
	if end == i {
		return 0
	}
	if s[i] == '0' {
		end = i + 1
	}
	if end < len(s) && s[end] == '.' {
		f := digits(end + 1)
		if f == end+1 {
			return 0
		}
		end = f
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		e := end + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if digits(e) == e {
			return 0
		}
		end = digits(e)
	}
	return end
}

// skip reads any value and discards it.
func (d *decoder) skip() error {
	switch c := d.peek(); c {
	case '{':
		return d.skipAll('}')
	case '[':
		return d.skipAll(']')
	case '"':
		_, err := d.text()
		return err
	case 't', 'f', 'n':
		if d.word("true") || d.word("false") || d.word("null") {
			return nil
		}
		return d.syntax("a value")
	default:
		_, err := d.number()
		return err
	}
}

func (d *decoder) skipAll(closing byte) error {
	empty, err := d.enter(closing)
	for more := !empty; more && err == nil; {
		if closing == '}' {
			if _, err = d.key(); err != nil {
				return err
			}
		}
		if err = d.skip(); err != nil {
			return err
		}
		more, err = d.more(closing)
	}
	return err
}
