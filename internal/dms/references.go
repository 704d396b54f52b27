package dms

import "storagesim/internal/api"

// References returns the members of rows that refer to other rows, which a world file must have.
func (s *Service) References() []api.Reference {
	return []api.Reference{
		{From: runs.Name(), Member: "workflowId", To: s.workflows.Kind},
		{From: s.workflows.Kind, Member: "body.id", To: runs.Name()},
	}
}
