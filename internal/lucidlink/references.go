package lucidlink

import "storagesim/internal/api"

// References returns the members of rows that refer to other rows, which a world file must have.
func (s *Service) References() []api.Reference {
	return []api.Reference{
		{From: settingsTable.Name(), Member: "defaultAccount", To: s.accounts.Kind},
		{From: clients.Name(), Member: "account", To: s.accounts.Kind},
		{From: invoices.Name(), Member: "account", To: s.accounts.Kind},
		{From: meters.Name(), Member: "Account", To: s.accounts.Kind},
		{From: s.domains.Kind, Member: "body.account", To: s.accounts.Kind},
		{From: s.filespaces.Kind, Member: "body.account", To: s.accounts.Kind},
		{From: s.filespaces.Kind, Member: "body.domain", To: s.domains.Kind},
		{From: s.instances.Kind, Member: "body.filespace", To: s.filespaces.Kind},
		{From: snapshots.Name(), Member: "filespace", To: s.filespaces.Kind},
		{From: users.Name(), Member: "filespace", To: s.filespaces.Kind},
	}
}
