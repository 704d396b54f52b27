// Package documents holds the OpenAPI documents of a running simulator against a reader that nobody here wrote,
// github.com/getkin/kin-openapi, which oapi-codegen reads them with too. It sees what no JSON Schema can, such as
// references that lead nowhere and operationIds that clash. What the schemas say of values is checked in openapi-ts, where
// the validator knows JSON Schema 2020-12.
package documents

import (
	"context"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// Validate says what is wrong with the text of a document.
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
