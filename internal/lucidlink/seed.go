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

// worldSeed is the section lucidlink of a fixture. Without it a world has one account, default, with the domain example
// and the client lucidlink-client, whose secret is lucidlink-secret.
type worldSeed struct {
	Accounts []accountSeed                `json:"accounts"` // the first is the default
	Regions  map[string]map[string]string `json:"regions"`  // by provider and region: open or closed
	Currency string                       `json:"currency"`
	Prices   map[string]Price             `json:"prices"` // by subscription type; those left out have their defaults
}

type accountSeed struct {
	Name    string       `json:"name"`
	Domain  string       `json:"domain"` // the name of its domain; none where it is left out
	Clients []clientSeed `json:"clients"`
}

type clientSeed struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

// maxSeeded bounds the accounts, and the clients of each.
const maxSeeded = 1000

// maxCents bounds a price: ten million a month.
const maxCents = 1_000_000_000

// defaultPrices are in cents for a TiB and for a user, for a month (assumption 161).
var defaultPrices = map[string]Price{
	typeCustom: {CapacityTiB: 1000, User: 0}, typeBasic: {CapacityTiB: 2000, User: 0}, typeTeams: {CapacityTiB: 8000, User: 1000},
	typeEnterprise: {CapacityTiB: 10000, User: 1500}, typeNone: {CapacityTiB: 1000, User: 0},
}

// Seed makes the accounts with their clients and domains, the regions and the prices.
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
		return wrong("accounts", "more than %d accounts", maxSeeded)
	}
	if err := seedSettings(tx, &seed); err != nil {
		return err
	}
	if err := seedRegions(tx, seed.Regions); err != nil {
		return err
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
		return wrong("currency", "%q is not three capital letters", clip(set.Currency))
	}
	for _, kind := range slices.Sorted(maps.Keys(seed.Prices)) {
		price, path := seed.Prices[kind], "prices."+kind
		switch {
		case set.Prices[kind] == Price{} && kind != typeNone:
			return &strict.Error{Path: path, Detail: "is no subscription type", Valid: slices.Sorted(maps.Keys(defaultPrices))}
		case price.CapacityTiB < 0 || price.User < 0 || price.CapacityTiB > maxCents || price.User > maxCents:
			return wrong(path, "prices are 0 to %d cents", maxCents)
		}
		set.Prices[kind] = price
	}
	return settingsTable.Put(tx, &set)
}

func seedRegions(tx *store.Tx, given map[string]map[string]string) error {
	for _, providerName := range slices.Sorted(maps.Keys(given)) {
		if findProvider(providerName) == nil {
			return &strict.Error{Path: "regions." + providerName, Detail: "is no provider", Valid: strings.Split(providerNames(), ", ")}
		}
		for _, name := range slices.Sorted(maps.Keys(given[providerName])) {
			state, path := given[providerName][name], "regions."+providerName+"."+name
			switch {
			case state != "open" && state != "closed":
				return &strict.Error{Path: path, Detail: fmt.Sprintf("%q is no state of a region", clip(state)), Valid: []string{"closed", "open"}}
			case name == "" || len(name) > maxRegionName:
				return wrong(path, "a region has 1 to %d characters", maxRegionName)
			}
			if err := regions.Put(tx, &Region{Provider: providerName, Name: name, Closed: state == "closed"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedAccount makes an account with its clients and its domain; path is where it stands in the fixture.
func (s *Service) seedAccount(tx *store.Tx, path string, seed *accountSeed) error {
	switch {
	case len(seed.Name) < 1 || len(seed.Name) > maxDomainName || !plainName(seed.Name):
		return wrong(path+"name", "%q must be 1 to %d lower-case letters, digits or hyphens", clip(seed.Name), maxDomainName)
	case s.accounts.Table().Has(tx, seed.Name):
		return wrong(path+"name", "another account is called %q", seed.Name)
	case len(seed.Clients) > maxSeeded:
		return wrong(path+"clients", "more than %d clients", maxSeeded)
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
			return wrong(at+"clientId", "another client is called %q", clip(c.ClientID))
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
		return wrong(path+"domain", "another account has the domain %q", seed.Domain)
	}
	_, err := s.domains.Create(tx, Domain{ID: seededID(tx, "domain "+seed.Domain), Name: seed.Domain, Account: seed.Name}, domainActive)
	return err
}

// seededID follows from the world's seed without moving its generator, so that the ids of other vendors' things are the
// same with any accounts.
func seededID(tx *store.Tx, what string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s %d %s", vendor, tx.Seed(), what)).String()
}

func (s *Service) domainTaken(tx *store.Tx, name string) bool {
	_, err := s.domainByName(tx, name)
	return err == nil
}
