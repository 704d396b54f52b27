package lucidity

import "storagesim/internal/api"

// References returns the members of rows that refer to other rows, which a world file must have.
func (s *Service) References() []api.Reference {
	return []api.Reference{
		{From: s.partitions.Kind, Member: "body.instance", To: s.instances.Kind},
		{From: s.pools.Kind, Member: "body.instance", To: s.instances.Kind},
	}
}
