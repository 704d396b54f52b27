// Package documents validates the OpenAPI documents of a running simulator with github.com/getkin/kin-openapi, which
// oapi-codegen uses too. It finds faults that no JSON Schema can express, such as dangling references and duplicate
// operationIds. openapi-ts checks values against the schemas, because its validator supports JSON Schema 2020-12.
package documents

import (
	"context"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// Validate returns an error if the text is not a valid document.
func Validate(ctx context.Context, text []byte) error {
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return err
	}
	if !document.IsOpenAPI31OrLater() {
		return fmt.Errorf("it is of OpenAPI %s", document.OpenAPI)
	}
	return document.Validate(ctx, openapi3.DisableExamplesValidation())
}
