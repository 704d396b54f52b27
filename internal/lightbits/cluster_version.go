package lightbits

import (
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// Version is the response of GET /api/v2/version.
type Version struct {
	APIVersion string `json:"apiVersion"`
}

// getVersion returns "v2.0"; clients refuse any other value (facts/lightbits.md 4.11).
func (s *Service) getVersion(*store.Tx, *api.Request, *api.Empty) (Version, error) {
	return Version{APIVersion: "v2.0"}, nil
}

// compareVersions orders dotted versions by their numbers: 3.9 before 3.10. The part after a "~" or "-" is ignored.
func compareVersions(a, b string) int {
	numbers := func(v string) []int {
		v, _, _ = strings.Cut(v, "~")
		v, _, _ = strings.Cut(v, "-")
		var list []int
		for part := range strings.SplitSeq(v, ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(a), numbers(b))
}
