package openapi

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxDepth bounds how deep a sample nests if a type contains itself.
const maxDepth = 8

// Sample returns a value that the schema allows, with all members that the schema names. components are those of the
// document.
func Sample(components map[string]*Schema, schema *Schema) any {
	return sampler(components).sample(schema, "", 0)
}

// sampler makes values that schemas allow. It holds the components of the document by name.
type sampler map[string]*Schema

// sample returns a value that the schema allows. name is the member that it is for.
func (s sampler) sample(schema *Schema, name string, depth int) any {
	if schema.Ref != "" {
		schema = s[strings.TrimPrefix(schema.Ref, componentPrefix)]
	}
	if len(schema.AnyOf) > 0 {
		return s.sample(schema.AnyOf[0], name, depth)
	}
	kind, _ := schema.Type.(string)
	switch kinds := schema.Type.(type) {
	case []string:
		kind = kinds[0]
	case []any: // of a document that was read
		kind, _ = kinds[0].(string)
	}
	if len(schema.Examples) > 0 && (kind == "string" || kind == "integer" || kind == "number") {
		return schema.Examples[0]
	}
	switch kind {
	case "object":
		return s.sampleObject(schema, depth)
	case "array":
		if depth >= maxDepth {
			return []any{}
		}
		return []any{s.sample(schema.Items, strings.TrimSuffix(name, "s"), depth+1)}
	case "boolean":
		return true
	case "integer":
		return 1
	case "number":
		return 0.5
	case "string":
		return sampleText(schema, name)
	}
	return nil
}

func (s sampler) sampleObject(schema *Schema, depth int) any {
	o := map[string]any{}
	for name, member := range schema.Properties {
		if depth < maxDepth || slices.Contains(schema.Required, name) {
			if v := s.sample(member, name, depth+1); v != nil || slices.Contains(schema.Required, name) {
				o[name] = v
			}
		}
	}
	if held := additional(schema); held != nil && depth < maxDepth {
		if v := s.sample(held, "", depth+1); v != nil {
			o["key"] = v
		}
	}
	return o
}

// additional returns the schema of the members that the schema does not name, or nil if it allows none.
func additional(schema *Schema) *Schema {
	switch held := schema.AdditionalProperties.(type) {
	case *Schema:
		return held
	case map[string]any: // of a document that was read
		read := new(Schema)
		if text, err := json.Marshal(held); err == nil && json.Unmarshal(text, read) == nil {
			return read
		}
	}
	return nil
}

// sampleText returns a string in the format of the schema, chosen by the member's name.
func sampleText(schema *Schema, name string) string {
	lower := strings.ToLower(name)
	switch {
	case len(schema.Enum) > 1:
		return schema.Enum[1] // the first one often says that nothing is known
	case len(schema.Enum) == 1:
		return schema.Enum[0]
	case schema.Format == "date-time":
		return "2040-01-02T03:04:05Z"
	case schema.Pattern == digits:
		return "4096"
	case schema.Pattern == seconds:
		return "3600s"
	case schema.ContentEncoding == "base64":
		return "c3RvcmFnZXNpbQ=="
	case strings.HasSuffix(lower, "uuid"), lower == "id", lower == "clusterid", lower == "snapid":
		return "5b0f3c1e-6f43-4e6a-9a53-0d4dd3e5a0c1"
	case strings.HasSuffix(lower, "projectname"):
		return "default"
	case strings.HasSuffix(lower, "etag"):
		return "1"
	case strings.HasSuffix(lower, "ip"), strings.HasSuffix(lower, "ips"):
		return "192.0.2.1"
	case lower == "size":
		return "4GiB"
	case strings.HasSuffix(lower, "name"):
		return "example"
	}
	return "text"
}
