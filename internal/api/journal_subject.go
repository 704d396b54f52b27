package api

import (
	"net/url"
	"slices"
	"strings"

	"storagesim/internal/fault"
)

// SubjectOf returns what an exchange of the journal is about, as subject does for a request: without the resources,
// since those belong to a state of the world. It also returns the kinds of resources, out of kinds, that its path is
// about. It returns nil if the exchange is not one of the service's operations.
func (svc *Service) SubjectOf(x *Exchange, kinds []string) (subject *fault.Subject, about []string) {
	at := slices.IndexFunc(svc.Operations, func(op Operation) bool { return op.ID() == x.Operation })
	if at < 0 {
		return nil, nil
	}
	op := &svc.Operations[at]
	path, query, _ := strings.Cut(x.URL, "?")
	values, _ := url.ParseQuery(query) // the parameters before a malformed one
	subject = namesIn(func(fn func(name, value string)) { eachParamIn(op, path, fn) }, values, []byte(x.Body))
	none := func() *fault.Resource { return nil }
	subject.Resource, subject.Source = none, none
	return subject, kindsOf(op, kinds)
}

// eachParamIn calls fn for each parameter of a path that is not empty.
func eachParamIn(op *Operation, path string, fn func(name, value string)) {
	have := strings.Split(path, "/")
	for _, pattern := range op.Paths() {
		want := strings.Split(pattern, "/")
		if len(want) != len(have) {
			continue
		}
		params := map[int]string{}
		fits := true
		for i := range want {
			if strings.HasPrefix(want[i], "{") {
				params[i] = strings.Trim(want[i], "{}")
			} else {
				fits = fits && want[i] == have[i]
			}
		}
		if !fits {
			continue
		}
		for i := range want {
			value, err := url.PathUnescape(have[i])
			if name := params[i]; name != "" && value != "" && err == nil {
				fn(name, value)
			}
		}
		return
	}
}
