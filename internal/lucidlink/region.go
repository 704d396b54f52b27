package lucidlink

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// provider is a storage provider with its regions. A provider without regions is run by the customer; it accepts any
// region or none.
type provider struct {
	name string
	// ownEndpoint requires a filespace to name the provider's address.
	ownEndpoint bool
	regions     []string
}

// providers are the vendor's providers in its order (facts/dms-lucidlink-lucidity.md 1.2), with the regions of the
// providers (assumption 155).
var providers = [...]provider{
	{name: "Azure", regions: words(`australiaeast brazilsouth canadacentral centralindia centralus eastasia eastus
		eastus2 francecentral germanywestcentral japaneast koreacentral northeurope southcentralus southeastasia uksouth
		ukwest westeurope westus westus2 westus3`)},
	{name: "AWS", regions: words(`af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
		ap-southeast-1 ap-southeast-2 ca-central-1 eu-central-1 eu-north-1 eu-south-1 eu-west-1 eu-west-2 eu-west-3
		me-south-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2`)},
	{name: "AWSGovCloud", regions: words(`us-gov-east-1 us-gov-west-1`)},
	{name: "Alibaba", regions: words(`ap-northeast-1 ap-southeast-1 cn-beijing cn-hangzhou cn-hongkong cn-shanghai
		cn-shenzhen eu-central-1 me-east-1 us-east-1 us-west-1`)},
	{name: "GCP", regions: words(`asia-east1 asia-northeast1 asia-south1 asia-southeast1 australia-southeast1
		europe-north1 europe-west1 europe-west2 europe-west3 europe-west4 northamerica-northeast1 southamerica-east1
		us-central1 us-east1 us-east4 us-west1 us-west2`)},
	{name: "Zadara", ownEndpoint: true},
	{name: "Cloudian", ownEndpoint: true},
	{name: "DigitalOcean", regions: words(`ams3 blr1 fra1 nyc3 sfo2 sfo3 sgp1 syd1`)},
	{name: "Wasabi", regions: words(`ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-2 ca-central-1
		eu-central-1 eu-central-2 eu-west-1 eu-west-2 us-central-1 us-east-1 us-east-2 us-west-1`)},
	{name: "Scality"}, {name: "Telefonica"},
	{name: "Exoscale", regions: words(`at-vie-1 bg-sof-1 ch-dk-2 ch-gva-2 de-fra-1 de-muc-1`)},
	{name: "Nutanix"}, {name: "Pure"}, {name: "Dell"},
	{name: "IBM", regions: words(`au-syd br-sao ca-tor eu-de eu-gb jp-osa jp-tok us-east us-south`)},
	{name: "Other", ownEndpoint: true},
}

func words(text string) []string { return strings.Fields(text) }

func providerNames() string {
	names := make([]string, len(providers))
	for i := range providers {
		names[i] = providers[i].name
	}
	return strings.Join(names, ", ")
}

func findProvider(name string) *provider {
	for i := range providers {
		if providers[i].name == name {
			return &providers[i]
		}
	}
	return nil
}

// Region is a region whose state in the world differs from the list of providers.
type Region struct {
	Provider string `json:"provider"`
	Name     string `json:"region"`
	Closed   bool   `json:"closed"` // no new filespaces
}

// CauseKind returns refusal.Condition.
func (Region) CauseKind() refusal.CauseKind { return refusal.Condition }

var regions = store.NewTable("lucidlink.region",
	func(r *Region) string { return r.Provider + keySeparator + r.Name }, store.JSON[Region]())

const msgRegionClosed = "Filespace creation is currently disabled in the selected region."

type regionState int

const (
	regionUnknown regionState = iota
	regionOpen
	regionClosed
)

// regionIn returns the state of a provider's region in the world.
func regionIn(tx *store.Tx, providerName, name string) regionState {
	if own, err := regions.Get(tx, providerName+keySeparator+name); err == nil {
		if own.Closed {
			return regionClosed
		}
		return regionOpen
	}
	p := findProvider(providerName)
	if p != nil && (len(p.regions) == 0 || slices.Contains(p.regions, name)) {
		return regionOpen
	}
	return regionUnknown
}

// regionsOf returns a provider's regions in order, including those of this world only.
func regionsOf(tx *store.Tx, providerName string) []string {
	var list []string
	if p := findProvider(providerName); p != nil {
		list = slices.Clone(p.regions)
	}
	for _, own := range regions.All(tx, providerName+keySeparator, "") {
		if !slices.Contains(list, own.Name) {
			list = append(list, own.Name)
		}
	}
	slices.Sort(list)
	return list
}

type regionParams struct {
	Provider string `json:"provider" doc:"storage provider, such as AWS"`
	Region   string `json:"region" doc:"region of the provider"`
	Open     *bool  `json:"open" doc:"whether new filespaces can be created in the region"`
}

// setRegion opens or closes a region for new filespaces. Existing filespaces stay.
func (s *Service) setRegion(tx *store.Tx, p *regionParams) (any, error) {
	switch {
	case findProvider(p.Provider) == nil:
		return nil, &strict.Error{
			Path: "provider", Detail: fmt.Sprintf("%q is not a provider", p.Provider),
			Valid: strings.Split(providerNames(), ", "),
		}
	case p.Region == "", len(p.Region) > maxRegionName, regionIn(tx, p.Provider, p.Region) == regionUnknown:
		return nil, &strict.Error{
			Path: "region", Detail: fmt.Sprintf("%q is not a region of %s", clip(p.Region), p.Provider),
			Valid: regionsOf(tx, p.Provider),
		}
	case p.Open == nil:
		return nil, &strict.Error{Path: "open", Detail: "must be true or false"}
	}
	r := Region{Provider: p.Provider, Name: p.Region, Closed: !*p.Open}
	return r, regions.Put(tx, &r)
}

// WouldWork returns the advice of explain.
func (r Region) WouldWork() string {
	return fmt.Sprintf(
		`another region, or this one after the action lucidlink/set-region {"provider":%q,"region":%q,"open":true}`,
		r.Provider, r.Name)
}
