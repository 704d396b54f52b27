// Package generated keeps the generated parts of documents true: a test computes what a part must say, and the part is
// compared with it, or written if the test runs with -update-docs.
package generated

import (
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update-docs", false, "write the generated documents instead of comparing them")

// File compares the whole document with want.
func File(t testing.TB, file, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "%s is out of date: run the test with -update-docs", file)
}

// Section compares the part of the document between the lines <!-- reference: name --> and <!-- end --> with want.
func Section(t testing.TB, file, name, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), "<!-- reference: "+name+" -->\n")
	require.True(t, found, "%s has no section %q", file, name)
	_, after, found := strings.Cut(rest, "<!-- end -->")
	require.True(t, found, "%s: the section %q has no end", file, name)
	File(t, file, before+"<!-- reference: "+name+" -->\n"+want+"<!-- end -->"+after)
}

// Members returns a table of every member of the JSON or YAML form of the type of v, with what the struct tags say:
// doc, default, range and example. Members of nested structs are listed by path, such as effect.latency.fixed.
func Members(v any) string {
	var b strings.Builder
	b.WriteString("\n| member | type | default | range | description | example |\n| --- | --- | --- | --- | --- | --- |\n")
	writeMembers(&b, "", reflect.TypeOf(v), nil)
	b.WriteString("\n")
	return b.String()
}

// writeMembers writes the rows of struct type t. above are the struct types that contain it, so that a recursive type
// ends.
func writeMembers(b *strings.Builder, prefix string, t reflect.Type, above []reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name, _, _ = strings.Cut(f.Tag.Get("yaml"), ",")
		}
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		path := prefix + name
		writeRow(b, path, f)
		nested := f.Type
		suffix := "."
		for nested.Kind() == reflect.Pointer || nested.Kind() == reflect.Slice {
			if nested.Kind() == reflect.Slice {
				suffix = "[]."
			}
			nested = nested.Elem()
		}
		if nested.Kind() == reflect.Struct && f.Tag.Get("type") != "duration" && nested.PkgPath() != "time" {
			if !slices.Contains(above, nested) {
				writeMembers(b, path+suffix, nested, append(above, t))
			}
		}
	}
}

// writeRow writes the row of one member.
func writeRow(b *strings.Builder, path string, f reflect.StructField) {
	absent := f.Tag.Get("default")
	if _, required := f.Tag.Lookup("required"); required {
		absent = "required"
	}
	code := func(tag string) string {
		if text := f.Tag.Get(tag); text != "" {
			return "`" + text + "`"
		}
		return ""
	}
	cells := []string{"`" + path + "`", typeName(f), absent, f.Tag.Get("range"), f.Tag.Get("doc"), code("example")}
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", "\\|")
	}
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// typeName returns what a reader calls the type of a member.
func typeName(f reflect.StructField) string {
	if name := f.Tag.Get("type"); name != "" {
		return name
	}
	t := f.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Name() {
	case "Time":
		return "time, RFC 3339"
	case "Duration":
		return "duration"
	case "Strings":
		return "string or list"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Map, reflect.Struct:
		return "object"
	case reflect.Interface:
		return "any"
	case reflect.Float32, reflect.Float64:
		return "number"
	default:
		return "whole number"
	}
}
