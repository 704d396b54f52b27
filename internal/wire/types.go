package wire

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// codec encodes and decodes values of one Go type. Values passed to it are addressable.
type codec struct {
	// encode writes a value, zero or not.
	encode func(dst []byte, v reflect.Value, z Zero) ([]byte, error)
	// decode reads a value other than null, starting at its first byte.
	decode func(d *decoder, v reflect.Value) error
	// parse reads a query or path parameter; nil for messages, lists, maps and raw JSON.
	parse func(s string, v reflect.Value) error
	// empty reports whether a member of this type is unset; nil for structs by value, where it depends on their members.
	empty func(v reflect.Value) bool
	// null reports that EmitZero writes an empty member as null.
	null bool
	// message is set for structs and pointers to structs.
	message *message
	// elem is set for pointers, lists and maps.
	elem *codec
	kind kind
}

type kind int

const (
	scalarKind kind = iota
	rawKind
	messageKind
	pointerKind
	listKind
	mapKind
)

// message holds the members of a struct in the order of their declaration, those of embedded structs in place.
type message struct {
	members []member
	byName  map[string]int
	grouped bool // some member has a group
}

// maxMembers is the largest number of members of a message.
const maxMembers = 256

type member struct {
	name  string
	key   string // `"name":`
	index []int
	codec *codec
	oneof bool
	snake bool
	group string
}

// of returns the member's value in the struct v.
func (m *member) of(v reflect.Value) reflect.Value {
	for _, i := range m.index {
		v = v.Field(i)
	}
	return v
}

// codecs caches compiled codecs, by reflect.Type. It contains only complete, valid ones.
var codecs sync.Map //nolint:gochecknoglobals // a cache that depends on the types alone

// codecOf returns the codec of t from the cache, or compiles t and the types it contains.
func codecOf(t reflect.Type) (*codec, error) {
	if c, ok := codecs.Load(t); ok {
		return c.(*codec), nil
	}
	b := builder{}
	c, err := b.build(t)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	for t, c := range b {
		codecs.LoadOrStore(t, c)
	}
	return c, nil
}

// builder holds the codecs under construction, so that a message may contain itself.
type builder map[reflect.Type]*codec

func (b builder) build(t reflect.Type) (*codec, error) {
	if c, ok := b[t]; ok {
		return c, nil
	}
	c := new(codec)
	b[t] = c
	if fill := scalarCodec(t); fill != nil {
		*c = *fill
		return c, nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return c, b.buildMessage(c, t)
	case reflect.Pointer:
		return c, b.buildPointer(c, t)
	case reflect.Slice:
		return c, b.buildList(c, t)
	case reflect.Map:
		return c, b.buildMap(c, t)
	default:
		return nil, fmt.Errorf("%s has no protobuf counterpart", t)
	}
}

func (b builder) buildPointer(c *codec, t reflect.Type) error {
	elem, err := b.build(t.Elem())
	if err != nil {
		return err
	}
	if elem.kind != messageKind && elem.kind != scalarKind {
		return fmt.Errorf("%s: a pointer may only lead to a message or a scalar", t)
	}
	*c = codec{kind: pointerKind, elem: elem, message: elem.message, null: true, empty: reflect.Value.IsNil}
	c.encode = func(dst []byte, v reflect.Value, z Zero) ([]byte, error) {
		if v.IsNil() {
			return append(dst, "{}"...), nil
		}
		return elem.encode(dst, v.Elem(), z)
	}
	c.decode = func(d *decoder, v reflect.Value) error {
		v.Set(reflect.New(t.Elem()))
		return elem.decode(d, v.Elem())
	}
	if elem.parse != nil {
		c.parse = func(s string, v reflect.Value) error {
			v.Set(reflect.New(t.Elem()))
			return elem.parse(s, v.Elem())
		}
	}
	return nil
}

func (b builder) buildMessage(c *codec, t reflect.Type) error {
	m := &message{byName: map[string]int{}}
	*c = codec{kind: messageKind, message: m, encode: m.encode, decode: m.decode}
	return b.addMembers(m, t, nil)
}

func (b builder) addMembers(m *message, t reflect.Type, at []int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		index := append(append([]int(nil), at...), i)
		if f.Anonymous && !tagged {
			if f.Type.Kind() != reflect.Struct || f.Type == reflect.TypeFor[time.Time]() {
				return fmt.Errorf("%s.%s: only a struct can be embedded without a tag", t, f.Name)
			}
			if err := b.addMembers(m, f.Type, index); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		mem, err := parseTag(tag, f.Name)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		if _, twice := m.byName[mem.name]; twice {
			return fmt.Errorf("%s.%s: the name %q is taken by another member", t, f.Name, mem.name)
		}
		mem.index = index
		if mem.codec, err = b.build(f.Type); err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		if len(m.members) == maxMembers {
			return fmt.Errorf("%s has more than %d members", t, maxMembers)
		}
		m.grouped = m.grouped || mem.group != ""
		m.byName[mem.name] = len(m.members)
		if name := snake(mem.name); mem.snake && name != mem.name {
			if _, twice := m.byName[name]; twice {
				return fmt.Errorf("%s.%s: the name %q is taken by another member", t, f.Name, name)
			}
			m.byName[name] = len(m.members)
		}
		m.members = append(m.members, mem)
	}
	return nil
}

func parseTag(tag, goName string) (member, error) {
	name, options, _ := strings.Cut(tag, ",")
	if name == "" {
		name = goName
	}
	m := member{name: name, key: string(appendString(nil, name, false)) + ":"}
	for options != "" {
		var o string
		o, options, _ = strings.Cut(options, ",")
		group, isGroup := strings.CutPrefix(o, "group=")
		switch {
		case o == "oneof":
			m.oneof = true
		case o == "snake":
			m.snake = true
		case isGroup && group != "":
			m.group = group
		default:
			return m, fmt.Errorf("unknown tag option %s, expected oneof, snake or group=<word>", strconv.Quote(o))
		}
	}
	return m, nil
}

// snake returns the name that a member in camel case has in a .proto file: snap_id for snapId.
func snake(name string) string {
	out := make([]byte, 0, len(name)+2)
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			out = append(out, '_', c+'a'-'A')
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
