// Command oauth2 gets access tokens from a simulator with the unmodified golang.org/x/oauth2/clientcredentials, and
// calls the LucidLink Service API with them. It authenticates with Basic, in the form, and as the library detects. It
// is a separate module, so that the product does not depend on an OAuth library.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: oauth2 URL CLIENT-ID CLIENT-SECRET")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "oauth2:", err)
		os.Exit(1)
	}
	fmt.Println("oauth2: clientcredentials gets tokens in every way it knows, and is told why it does not")
}

func run(ctx context.Context, base, id, secret string) error {
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams,
		oauth2.AuthStyleAutoDetect} {
		config := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: base + "/oauth2/token",
			AuthStyle: style}
		if err := use(ctx, config, base); err != nil {
			return fmt.Errorf("style %d: %w", style, err)
		}
	}
	wrong := clientcredentials.Config{ClientID: id, ClientSecret: "wrong", TokenURL: base + "/oauth2/token"}
	if err := refused(ctx, wrong, "invalid_client"); err != nil {
		return err
	}
	scoped := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: base + "/oauth2/token",
		Scopes: []string{"read"}}
	return refused(ctx, scoped, "invalid_scope")
}

// use gets a token and lists the domains with the library's client.
func use(ctx context.Context, config clientcredentials.Config, base string) error {
	token, err := config.Token(ctx)
	if err != nil {
		return err
	}
	if life := time.Until(token.Expiry).Round(time.Minute); token.Type() != "Bearer" || !token.Valid() ||
		life != time.Hour {
		return fmt.Errorf("the token is %s, for %s", token.Type(), life)
	}
	resp, err := config.Client(ctx).Get(base + "/v1/domains")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var domains []struct{ ID, Name string }
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &domains) != nil || len(domains) != 1 {
		return fmt.Errorf("the domains are %s %s", resp.Status, body)
	}
	return nil
}

// refused requires an error with the code of RFC 6749.
func refused(ctx context.Context, config clientcredentials.Config, code string) error {
	_, err := config.Token(ctx)
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) || refusal.ErrorCode != code || refusal.Response.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("wanted %s, got %w", code, err)
	}
	return nil
}
