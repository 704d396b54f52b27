package control

import (
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/fault"
)

// timerAuthor begins the author of a change that a timer made.
const timerAuthor = "timer "

// findAuthor adds to the cause of a refusal the client's request that led to the change of a timer, and names it in the
// explanation.
func (c *Control) findAuthor(x *api.Exchange, e *explanation) {
	who := ""
	for _, member := range []string{"by", "changedBy"} {
		if text, _ := e.Cause[member].(string); strings.HasPrefix(text, timerAuthor) {
			who = text
		}
	}
	if who == "" {
		return
	}
	id, _ := e.Cause["id"].(string)
	if request := c.lastChange(x, id); request != "" {
		e.Cause["begunBy"] = request
		e.Why = strings.Replace(e.Why, who, who+", which "+request+" began", 1)
	}
}

// lastChange returns the id of the last successful request before x that changed the resource that x names, or that has
// the id. It returns "" if the journal has none.
func (c *Control) lastChange(x *api.Exchange, id string) string {
	life, err := c.Engine.Life(x.World)
	number, ok := api.RequestNumber(x.ID)
	if err != nil || !ok || x.Ended {
		return ""
	}
	found, _, _ := c.Journal.Find(api.Scope{Life: life}, maxVerified, number, func(other *api.Exchange) bool {
		return other.Method != "GET" && other.Vendor == x.Vendor && happened(other)
	})
	var seen []api.Exchange
	for _, f := range found {
		if other, ok := c.Journal.Read(f); ok {
			seen = append(seen, other)
		}
	}
	kinds := c.Engine.Kinds()
	subject, about := c.subjectOf(x, kinds)
	if subject == nil {
		return ""
	}
	known, err := c.namedResources(x.World, seen)
	if err != nil {
		return ""
	}
	names := withAliases(append(slices.Clone(subject.Names), id), known)
	for i := len(seen) - 1; i >= 0; i-- {
		other, otherAbout := c.subjectOf(&seen[i], kinds)
		if other == nil || !slices.ContainsFunc(otherAbout, func(k string) bool { return slices.Contains(about, k) }) {
			continue
		}
		if slices.ContainsFunc(other.Names, func(name string) bool { return slices.Contains(names, name) }) {
			return seen[i].ID
		}
	}
	return ""
}

// withAliases adds to names the id of each resource whose name is among them, and the reverse.
func withAliases(names []string, known []fault.Resource) []string {
	all := slices.DeleteFunc(names, func(name string) bool { return name == "" })
	for _, r := range known {
		if slices.Contains(names, r.ID) || r.Name != "" && slices.Contains(names, r.Name) {
			all = append(all, r.ID)
			if r.Name != "" {
				all = append(all, r.Name)
			}
		}
	}
	return all
}
