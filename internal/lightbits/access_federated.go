package lightbits

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/idp"
	"storagesim/internal/store"
)

func (s *Service) federatedAuthenticationOperations() []api.Operation {
	return []api.Operation{
		{Name: "DisableFederatedAuthentication", Method: http.MethodPost,
			Path:     "/api/v2/cluster/federatedAuthentication/disable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "disable"),
			Endpoint: api.Handle(s.disableFederatedAuthentication)},
		{Name: "EnableFederatedAuthentication", Method: http.MethodPost,
			Path:     "/api/v2/cluster/federatedAuthentication/enable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "enable"),
			Endpoint: api.Handle(s.enableFederatedAuthentication)},
	}
}

// FederatedAuthenticationStatus is whether tokens of identity providers are accepted, and the health of the providers.
type FederatedAuthenticationStatus struct {
	FederatedAuthenticationEnabled bool             `json:"federatedAuthenticationEnabled"`
	IdpHealthInfos                 []*IdpHealthInfo `json:"idpHealthInfos"`
}

// IdpHealthInfo is the health of an identity provider as one server sees it.
type IdpHealthInfo struct {
	ServerName         string          `json:"serverName"`
	IdpHealthStatus    IdpHealthStatus `json:"idpHealthStatus"`
	Timestamp          time.Time       `json:"timestamp"`
	HealthErrorMessage string          `json:"healthErrorMessage"`
}

// IdpHealthStatus is the health of an identity provider.
type IdpHealthStatus string

// The health of an identity provider.
const (
	IdpHealthy   IdpHealthStatus = "IdpHealthStatus_Healthy"
	IdpUnHealthy IdpHealthStatus = "IdpHealthStatus_UnHealthy"
	IdpUnknown   IdpHealthStatus = "IdpHealthStatus_Unknown"
)

var idpHealthStatusNames = map[string]int32{"IdpHealthStatus_Healthy": 0, "IdpHealthStatus_UnHealthy": 1,
	"IdpHealthStatus_Unknown": 2}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (IdpHealthStatus) EnumNumbers() map[string]int32 { return idpHealthStatusNames }

// federatedStatus returns the status of federated authentication for GetCluster. While it is enabled and a provider is
// configured, the status has the health of the provider as each server sees it, in the order of the servers' names. It
// is unknown for a failed server (assumption 205).
func (s *Service) federatedStatus(tx *store.Tx, c *clusterRow) *FederatedAuthenticationStatus {
	status := &FederatedAuthenticationStatus{FederatedAuthenticationEnabled: c.Federated}
	conf, ok := s.idpConfiguration(tx)
	if !ok || !c.Federated {
		return status
	}
	found := s.reachIdp(tx, &conf)
	for _, row := range s.servers.Table().All(tx, "", "") {
		info := &IdpHealthInfo{ServerName: row.Body.Name, IdpHealthStatus: IdpHealthy, Timestamp: tx.Now}
		switch {
		case row.Body.State == ServerFailed || conf.State == IDPCreating:
			info.IdpHealthStatus = IdpUnknown
		case found != nil:
			info.IdpHealthStatus, info.HealthErrorMessage = IdpUnHealthy, found.Error()
		}
		status.IdpHealthInfos = append(status.IdpHealthInfos, info)
	}
	slices.SortFunc(status.IdpHealthInfos, func(a, b *IdpHealthInfo) int {
		return strings.Compare(a.ServerName,
			b.ServerName)
	})
	return status
}

// reachIdp returns why the keys of a provider cannot be fetched, or nil if they can. The simulator opens no
// connections; it reaches only the provider of the transaction's own world.
func (s *Service) reachIdp(tx *store.Tx, conf *IDPConfiguration) error {
	if conf.State == IDPFailed {
		return fmt.Errorf("IdP configuration %q is %s", conf.Name, conf.State)
	}
	world, own := idp.WorldOf(conf.IdpIssuerURL)
	if !own || world != tx.World() {
		return fmt.Errorf(
			"cannot reach %s%s: this simulator opens no connections; "+
				"the only issuer it knows in this world is its own, at %s/%s",
			conf.IdpIssuerURL, idp.DiscoveryPath, idp.Prefix, tx.World())
	}
	if err := idp.Up(tx); err != nil {
		return fmt.Errorf("cannot reach %s%s: %w", conf.IdpIssuerURL, idp.DiscoveryPath, err)
	}
	return nil
}

func federatedSwitch(c *clusterRow) *bool { return &c.Federated }

// enableFederatedAuthentication: seeds/002 "Enable Federated Authentication". It needs no configuration to exist, since
// its page has no refusal for that (assumption 205).
func (s *Service) enableFederatedAuthentication(tx *store.Tx, _ *api.Request, _ *api.Empty) (api.Empty, error) {
	return api.Empty{}, s.switchCluster(tx, federatedSwitch, true)
}

// disableFederatedAuthentication: seeds/002 "Disable Federated Authentication". The configurations stay.
func (s *Service) disableFederatedAuthentication(tx *store.Tx, _ *api.Request, _ *api.Empty) (api.Empty, error) {
	return api.Empty{}, s.switchCluster(tx, federatedSwitch, false)
}

// idpParams has no members, since a world has one provider.
type idpParams struct{}

// idpHealth is the result of the actions on the provider.
type idpHealth struct {
	Healthy bool `json:"healthy"`
}

func (s *Service) failIdp(tx *store.Tx, _ *idpParams) (any, error) {
	return idpHealth{}, idp.SetDown(tx, true)
}

func (s *Service) recoverIdp(tx *store.Tx, _ *idpParams) (any, error) {
	return idpHealth{Healthy: true}, idp.SetDown(tx, false)
}
