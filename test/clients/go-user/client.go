// Package user is a client of Lightbits as a user of storagesim may have one. Its test is what the package is for.
package user

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ErrStale is the error of a change to a volume that somebody else has changed.
var ErrStale = errors.New("the volume has changed")

// Client manages the volumes of the project default.
type Client struct {
	URL, Token string
	HTTP       *http.Client
}

// Create creates a volume. If the response is lost, it looks whether the volume is there.
func (c *Client) Create(name string) error {
	body := fmt.Sprintf(`{"name":%q,"size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`, name)
	status, err := c.send(http.MethodPost, "", body)
	if err != nil {
		status, err = c.send(http.MethodGet, "/?name="+name, "")
	}
	return check(status, err)
}

// Resize changes the size of a volume. It returns ErrStale if the volume has changed.
func (c *Client) Resize(name, size string) error {
	status, err := c.send(http.MethodPut, "/?name="+name, fmt.Sprintf(`{"size":%q}`, size))
	if status == http.StatusPreconditionFailed {
		return ErrStale
	}
	return check(status, err)
}

// Delete deletes a volume.
func (c *Client) Delete(name string) error {
	return check(c.send(http.MethodDelete, "/?name="+name, ""))
}

func (c *Client) send(method, path, body string) (status int, err error) {
	req, err := http.NewRequest(method, c.URL+"/projects/default/volumes"+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func check(status int, err error) error {
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	return err
}
