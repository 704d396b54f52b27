package openapi

import "encoding/json"

// Document is an OpenAPI 3.1 document, with the parts that the generator writes.
type Document struct {
	OpenAPI    string               `json:"openapi"`
	Info       Info                 `json:"info"`
	Servers    []Server             `json:"servers"`
	Tags       []Tag                `json:"tags,omitempty"`
	Paths      map[string]*PathItem `json:"paths"`
	Components Components           `json:"components"`
}

// Info describes the document.
type Info struct {
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Version     string  `json:"version"`
	License     License `json:"license"`
}

// License is the license of the document's text.
type License struct {
	Name string `json:"name"`
}

// Server is the address that the paths are relative to.
type Server struct {
	URL string `json:"url"`
}

// Tag groups operations.
type Tag struct {
	Name string `json:"name"`
}

// PathItem holds the operations of one path, by method in lower case.
type PathItem map[string]*Operation

// Operation is one method of one path.
type Operation struct {
	OperationID string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	Tags        []string              `json:"tags"`
	Parameters  []*Parameter          `json:"parameters,omitempty"`
	RequestBody *RequestBody          `json:"requestBody,omitempty"`
	Responses   map[string]*Response  `json:"responses"`
	Security    []map[string][]string `json:"security"`
}

// Parameter is a parameter, or a reference to one.
type Parameter struct {
	Ref         string  `json:"$ref,omitempty"`
	Name        string  `json:"name,omitempty"`
	In          string  `json:"in,omitempty"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema,omitempty"`
	Example     string  `json:"example,omitempty"`
}

// RequestBody describes the body of a request.
type RequestBody struct {
	Required bool              `json:"required,omitempty"`
	Content  map[string]*Media `json:"content"`
}

// Response is a response, or a reference to one.
type Response struct {
	Ref         string             `json:"$ref,omitempty"`
	Description string             `json:"description,omitempty"`
	Headers     map[string]*Header `json:"headers,omitempty"`
	Content     map[string]*Media  `json:"content,omitempty"`
}

// Header is a header of a response, or a reference to one.
type Header struct {
	Ref         string  `json:"$ref,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *Schema `json:"schema,omitempty"`
}

// Media is a body of one media type.
type Media struct {
	Schema  *Schema `json:"schema"`
	Example any     `json:"example,omitempty"`
	// Events holds the schemas of the data of server-sent events, by event type. OpenAPI 3.1 has no keyword for them.
	Events map[string]*Schema `json:"x-events,omitempty"`
}

// Components holds what the operations refer to.
type Components struct {
	Schemas         map[string]*Schema        `json:"schemas"`
	Parameters      map[string]*Parameter     `json:"parameters"`
	Headers         map[string]*Header        `json:"headers"`
	Responses       map[string]*Response      `json:"responses"`
	SecuritySchemes map[string]SecurityScheme `json:"securitySchemes,omitempty"`
}

// SecurityScheme is a way in which a caller authenticates.
type SecurityScheme struct {
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
	Scheme      string `json:"scheme,omitempty"`
	In          string `json:"in,omitempty"`
	Name        string `json:"name,omitempty"`
	Flows       *Flows `json:"flows,omitempty"`
}

// Flows holds the flows of OAuth 2.0.
type Flows struct {
	ClientCredentials Flow `json:"clientCredentials"`
}

// Flow describes where tokens are obtained.
type Flow struct {
	TokenURL string            `json:"tokenUrl"`
	Scopes   map[string]string `json:"scopes"`
}

// Schema is a JSON Schema of draft 2020-12. The zero value allows every value.
type Schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	Type                 any                `json:"type,omitempty"` // a name, or several
	Format               string             `json:"format,omitempty"`
	Description          string             `json:"description,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Examples             []any              `json:"examples,omitempty"`
	Minimum              json.Number        `json:"minimum,omitempty"`
	Maximum              json.Number        `json:"maximum,omitempty"`
	ExclusiveMinimum     json.Number        `json:"exclusiveMinimum,omitempty"`
	ContentEncoding      string             `json:"contentEncoding,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // false, or a *Schema
	AnyOf                []*Schema          `json:"anyOf,omitempty"`
}
