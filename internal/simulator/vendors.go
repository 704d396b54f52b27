package simulator

import (
	"storagesim/internal/api"
	"storagesim/internal/dms"
	"storagesim/internal/lightbits"
	"storagesim/internal/lucidity"
	"storagesim/internal/lucidlink"
)

// vendors returns the product's vendors. A new vendor is added here.
func vendors(c Config) []api.Vendor {
	auth := api.AuthMode(c.Auth)
	lb := lightbits.New(lightbits.Options{Auth: auth, Federation: c.Federation, Key: c.SigningKey})
	dm := dms.New(dms.Options{Auth: auth, MaxRunningWorkflows: c.MaxRunningWorkflows, Key: c.SigningKey}, dmsClusters{lb})
	lc := lucidity.New(lucidity.Options{Auth: auth})
	ll := lucidlink.New(lucidlink.Options{Auth: auth})
	return []api.Vendor{
		{
			Service: lb.API(), Machines: lb.Machines(), Tables: lb.Tables(), Actions: lb.Actions(), Minter: lb.MintToken,
			Seed: lb.Seed, Derived: lb.Derived(), Derive: lb.Derive, References: lb.References(), WorldKinds: lb.OfWorld(),
		},
		{Service: dm.API(), Machines: dm.Machines(), Tables: dm.Tables(), Minter: dm.MintToken, Seed: dm.Seed,
			References: dm.References()},
		{
			Service: ll.API(), Machines: ll.Machines(), Tables: ll.Tables(), Actions: ll.Actions(), Minter: ll.MintToken,
			Seed: ll.Seed, References: ll.References(),
		},
		{
			Service: lc.API(), Machines: lc.Machines(), Tables: lc.Tables(), Actions: lc.Actions(), Minter: lc.MintToken,
			Seed: lc.Seed, References: lc.References(),
		},
	}
}
