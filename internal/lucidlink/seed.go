package lucidlink

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// worldSeed is the section lucidlink of a fixture. A world without accounts in it has the account default with the
// domain example and the client lucidlink-client, whose secret is lucidlink-secret.
type worldSeed struct {
	Accounts []accountSeed                `json:"accounts"` // the first is the default
	Regions  map[string]map[string]string `json:"regions"`  // by provider and region: open or closed
	Buckets  []bucketParams               `json:"buckets"`
	Currency string                       `json:"currency"`
	Prices   map[string]Price             `json:"prices"` // by subscription type; others have their defaults
}

type accountSeed struct {
	Name    string       `json:"name"`
	Domain  string       `json:"domain"` // name of its domain; "" for none
	Clients []clientSeed `json:"clients"`
}

type clientSeed struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

// maxSeeded is the maximum number of accounts, of clients of an account, and of buckets.
const maxSeeded = 1000

// maxCents is the maximum price in cents: ten million dollars a month.
const maxCents = 1_000_000_000

// defaultPrices are in cents a month, for a TiB and for a user (assumption 161).
var defaultPrices = map[string]Price{
	typeCustom:     {CapacityTiB: 1000, User: 0},
	typeBasic:      {CapacityTiB: 2000, User: 0},
	typeTeams:      {CapacityTiB: 8000, User: 1000},
	typeEnterprise: {CapacityTiB: 10000, User: 1500},
	typeNone:       {CapacityTiB: 1000, User: 0},
}

// Seed creates the accounts with their clients and domains, the regions and the prices. It returns an *strict.Error
// for an invalid section.
func (s *Service) Seed(tx *store.Tx, section []byte) error {
	var seed worldSeed
	if err := strict.Decode(section, &seed); err != nil {
		return err
	}
	if len(seed.Accounts) == 0 {
		seed.Accounts = []accountSeed{{Name: "default", Domain: "example",
			Clients: []clientSeed{{ClientID: "lucidlink-client", ClientSecret: "lucidlink-secret"}}}}
	}
	if len(seed.Accounts) > maxSeeded {
		return wrong("accounts", "must have at most %d accounts, not %d", maxSeeded, len(seed.Accounts))
	}
	if err := seedSettings(tx, &seed); err != nil {
		return err
	}
	if err := seedRegions(tx, seed.Regions); err != nil {
		return err
	}
	if len(seed.Buckets) > maxSeeded {
		return wrong("buckets", "must have at most %d buckets, not %d", maxSeeded, len(seed.Buckets))
	}
	for i := range seed.Buckets {
		if err := seed.Buckets[i].put(tx, fmt.Sprintf("buckets[%d].", i)); err != nil {
			return err
		}
	}
	for i := range seed.Accounts {
		if err := s.seedAccount(tx, fmt.Sprintf("accounts[%d].", i), &seed.Accounts[i]); err != nil {
			return err
		}
	}
	return nil
}

func wrong(path, format string, args ...any) error {
	return &strict.Error{Path: path, Detail: fmt.Sprintf(format, args...)}
}

func seedSettings(tx *store.Tx, seed *worldSeed) error {
	set := settings{DefaultAccount: seed.Accounts[0].Name, Currency: seed.Currency, Prices: maps.Clone(defaultPrices)}
	if set.Currency == "" {
		set.Currency = "USD"
	}
	if len(set.Currency) != 3 || strings.Trim(set.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return wrong("currency", "%q must be three capital letters, such as USD", clip(set.Currency))
	}
	for _, kind := range slices.Sorted(maps.Keys(seed.Prices)) {
		price, path := seed.Prices[kind], "prices."+kind
		switch {
		case set.Prices[kind] == Price{} && kind != typeNone:
			return &strict.Error{Path: path, Detail: "is not a subscription type",
				Valid: slices.Sorted(maps.Keys(defaultPrices))}
		case price.CapacityTiB < 0 || price.User < 0 || price.CapacityTiB > maxCents || price.User > maxCents:
			return wrong(path, "must be 0 to %d cents", maxCents)
		}
		set.Prices[kind] = price
	}
	return settingsTable.Put(tx, &set)
}

func seedRegions(tx *store.Tx, given map[string]map[string]string) error {
	for _, providerName := range slices.Sorted(maps.Keys(given)) {
		if findProvider(providerName) == nil {
			return &strict.Error{
				Path: "regions." + providerName, Detail: "is not a provider", Valid: strings.Split(providerNames(), ", "),
			}
		}
		for _, name := range slices.Sorted(maps.Keys(given[providerName])) {
			state, path := given[providerName][name], "regions."+providerName+"."+name
			switch {
			case state != "open" && state != "closed":
				return &strict.Error{
					Path: path, Detail: fmt.Sprintf("%q is not a state of a region", clip(state)),
					Valid: []string{"closed", "open"},
				}
			case name == "" || len(name) > maxRegionName:
				return wrong(path, "the name of a region must have 1 to %d characters", maxRegionName)
			}
			if err := regions.Put(tx, &Region{Provider: providerName, Name: name, Closed: state == "closed"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedAccount creates an account with its clients and its domain. The path is the account's place in the fixture.
func (s *Service) seedAccount(tx *store.Tx, path string, seed *accountSeed) error {
	switch {
	case len(seed.Name) < 1 || len(seed.Name) > maxDomainName || !plainName(seed.Name):
		return wrong(path+"name", "%q must be 1 to %d lowercase letters, digits or hyphens", clip(seed.Name), maxDomainName)
	case s.accounts.Table().Has(tx, seed.Name):
		return wrong(path+"name", "%q is the name of another account", seed.Name)
	case len(seed.Clients) > maxSeeded:
		return wrong(path+"clients", "must have at most %d clients, not %d", maxSeeded, len(seed.Clients))
	}
	if _, err := s.accounts.Create(tx, Account{Name: seed.Name}, accountActive); err != nil {
		return err
	}
	for i, c := range seed.Clients {
		at := fmt.Sprintf("%sclients[%d].", path, i)
		switch {
		case c.ClientID == "" || len(c.ClientID) > maxPassword || strings.Contains(c.ClientID, ":"):
			return wrong(at+"clientId", "must be 1 to %d characters without a colon", maxPassword)
		case c.ClientSecret == "" || len(c.ClientSecret) > maxPassword:
			return wrong(at+"clientSecret", "must be 1 to %d characters", maxPassword)
		case clients.Has(tx, c.ClientID):
			return wrong(at+"clientId", "%q is the ID of another client", clip(c.ClientID))
		}
		if err := clients.Insert(tx, &Client{ID: c.ClientID, Secret: c.ClientSecret, Account: seed.Name}); err != nil {
			return err
		}
	}
	if seed.Domain == "" {
		return nil
	}
	if err := checkDomainName(seed.Domain); err != nil {
		return wrong(path+"domain", "%s", err.Error())
	}
	if s.domainTaken(tx, seed.Domain) {
		return wrong(path+"domain", "%q is the domain of another account", seed.Domain)
	}
	domain := Domain{ID: seededID(tx, "domain "+seed.Domain), Name: seed.Domain, Account: seed.Name}
	_, err := s.domains.Create(tx, domain, domainActive)
	return err
}

// seededID returns an ID that is derived from the world's seed. It does not advance the world's random generator, so
// that the accounts do not change the IDs of other vendors' objects.
func seededID(tx *store.Tx, what string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s %d %s", vendor, tx.Seed(), what)).String()
}

func (s *Service) domainTaken(tx *store.Tx, name string) bool {
	_, err := s.domainByName(tx, name)
	return err == nil
}
