package apitest

import (
	_ "embed" // the documents' copies
	"encoding/json"
	"strings"
)

//go:embed testdata/operations.json
var operationsCopy []byte

//go:embed testdata/messages.json
var messagesCopy []byte

// SpecRow is a documented operation.
type SpecRow struct {
	System   string   `json:"system"`
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Title    string   `json:"title"`
	Statuses []int    `json:"statuses"` // ascending; "default" is left out
	HasBody  bool     `json:"hasBody,omitempty"`
	Body     []string `json:"body,omitempty"`   // the names of the members of the request, at any depth
	Response []string `json:"answer,omitempty"` // the same of the first success
}

// Route is a method and a path without the names of its parameters.
func (r SpecRow) Route() string { return r.Method + " " + erase(r.Path) }

// Messages are the response messages of a vendor that has a machine-readable definition.
type Messages struct {
	// Answers holds the names of the messages, by method and path without the names of its parameters.
	Answers map[string]string `json:"answers"`
	// Members holds the types of the members, by message and member. "*" before a type means that the member repeats. ""
	// is a type without members of its own.
	Members map[string]map[string]string `json:"members"`
}

// Spec returns the documented operations of all vendors.
func Spec() []SpecRow {
	var rows []SpecRow
	mustUnmarshal(operationsCopy, &rows)
	return rows
}

// LightbitsMessages returns the messages of Lightbits.
func LightbitsMessages() Messages {
	var m Messages
	mustUnmarshal(messagesCopy, &m)
	return m
}

// mustUnmarshal decodes embedded JSON.
func mustUnmarshal(text []byte, v any) {
	if err := json.Unmarshal(text, v); err != nil {
		panic("apitest: testdata: " + err.Error())
	}
}

// erase removes the names of path parameters.
func erase(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}
