package apitest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// contract compares the rows with the documents in both directions.
func (s *suite) contract(t *testing.T) {
	svc := s.target.Service
	require.NoError(t, api.CheckRows(svc))
	owners := map[string][]*api.Operation{}
	for i := range svc.Operations {
		op := &svc.Operations[i]
		for _, path := range op.Paths() {
			owners[op.Method+" "+erase(path)] = append(owners[op.Method+" "+erase(path)], op)
			assert.True(t, svc.Owns(path), "%s: the vendor does not own its own path %s", op.ID(), path)
		}
	}
	documented := map[*api.Operation]bool{}
	for _, row := range Spec() {
		if row.System != svc.Vendor {
			assert.False(t, svc.Owns(row.Path), "%s owns %s, a path of %s", svc.Vendor, row.Path, row.System)
			continue
		}
		if !assert.Len(t, owners[row.Route()], 1, "%s: %s wants one row", row.Title, row.Route()) {
			continue
		}
		op := owners[row.Route()][0]
		documented[op] = true
		assert.Equal(t, row.Statuses, slices.Sorted(slices.Values(op.Statuses)), "%s: statuses", op.ID())
		assert.Less(t, op.Statuses[0], 300, "%s: the success comes first", op.ID())
		for _, status := range op.Further {
			assert.NotContains(t, row.Statuses, status, "%s: the page has it", op.ID())
		}
		for _, status := range op.FromState {
			assert.False(t, op.Documents(status), "%s: %d is documented", op.ID(), status)
		}
	}
	for i := range svc.Operations {
		op := &svc.Operations[i]
		assert.Equal(t, !documented[op], op.Extra, "%s: Extra says that no page has it", op.ID())
	}
}
