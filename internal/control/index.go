package control

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// index says what the program is and where to go.
type index struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	About   string `json:"about"`
	Links   []link `json:"links"`
}

// link is a path that a reader may want next.
type link struct {
	Path  string `json:"path"`
	About string `json:"about"`
}

func (c *Control) index() index {
	i := index{Name: "storagesim", Version: c.Version,
		About: "A simulator of storage vendors' HTTP APIs. The vendors' paths are served next to this control surface, " +
			"/_sim. README.md and docs/ of the source describe it.",
		Links: []link{
			{Prefix + "/operations", "the vendors' operations and their paths"},
			{Prefix + "/openapi/" + surface + ".json", "OpenAPI document of the control surface"},
		}}
	for n := range c.Vendors {
		svc := &c.Vendors[n].Service
		title := svc.Contract.Title
		if title == "" {
			title = svc.Vendor
		}
		i.Links = append(i.Links, link{Prefix + "/openapi/" + svc.Vendor + ".json", "OpenAPI document of " + title})
	}
	return i.with(link{Prefix + "/worlds", "the worlds"}, link{Prefix + "/machines?format=mermaid",
		"the states of resources"},
		link{Prefix + "/requests", "the journal of requests"}, link{Prefix + "/health", "version and uptime"},
		link{Prefix + "/ready", "readiness"})
}

func (i index) with(links ...link) index {
	i.Links = append(i.Links, links...)
	return i
}

// page returns the index as HTML.
func (i index) page() []byte {
	var b bytes.Buffer
	esc := html.EscapeString
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title></head><body>\n"+
		"<h1>%s %s</h1>\n<p>%s</p>\n<ul>\n", esc(i.Name), esc(i.Name), esc(i.Version), esc(i.About))
	for _, l := range i.Links {
		fmt.Fprintf(&b, "<li><a href=\"%s\">%s</a>: %s</li>\n", esc(l.Path), esc(l.Path), esc(l.About))
	}
	b.WriteString("</ul>\n</body></html>\n")
	return b.Bytes()
}

// getIndex returns HTML to a browser, which accepts it explicitly, and JSON to others.
func getIndex(c *Control, r *call) (reply[index], error) {
	i := c.index()
	if !strings.Contains(strings.ToLower(r.http.Header.Get("Accept")), "text/html") {
		return reply[index]{value: i}, nil
	}
	return reply[index]{value: plain{contentType: "text/html; charset=utf-8", text: i.page()}}, nil
}
