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
		{Name: "DisableFederatedAuthentication", Method: http.MethodPost, Path: "/api/v2/cluster/federatedAuthentication/disable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "disable"), Endpoint: api.Handle(s.disableFederatedAuthentication)},
		{Name: "EnableFederatedAuthentication", Method: http.MethodPost, Path: "/api/v2/cluster/federatedAuthentication/enable",
			Statuses: []int{200, 401, 403}, Needs: can("authentications", "enable"), Endpoint: api.Handle(s.enableFederatedAuthentication)},
	}
}

// FederatedAuthenticationStatus says whether tokens of identity providers are taken, and how those providers are.
type FederatedAuthenticationStatus struct {
	FederatedAuthenticationEnabled bool             `json:"federatedAuthenticationEnabled"`
	IdpHealthInfos                 []*IdpHealthInfo `json:"idpHealthInfos"`
}

// IdpHealthInfo is how an identity provider was when it was last asked.
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

var idpHealthStatusNames = map[string]int32{"IdpHealthStatus_Healthy": 0, "IdpHealthStatus_UnHealthy": 1, "IdpHealthStatus_Unknown": 2}

// EnumNumbers is as in the vendor's definition.
func (IdpHealthStatus) EnumNumbers() map[string]int32 { return idpHealthStatusNames }

// federatedStatus is what GetCluster tells of federated authentication: while it is enabled and a provider is configured,
// how that looks from each server now, by name. A server that has failed cannot tell (assumption 205).
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
	slices.SortFunc(status.IdpHealthInfos, func(a, b *IdpHealthInfo) int { return strings.Compare(a.ServerName, b.ServerName) })
	return status
}

// reachIdp says why the keys of a provider cannot be had; nil if they can. The simulator opens no connections: the only
// provider that it reaches is the one of the transaction's own world.
func (s *Service) reachIdp(tx *store.Tx, conf *IDPConfiguration) error {
	if conf.State == IDPFailed {
		return fmt.Errorf("IdP configuration %q is %s", conf.Name, conf.State)
	}
	world, own := idp.WorldOf(conf.IdpIssuerURL)
	if !own || world != tx.World() {
		return fmt.Errorf("cannot reach %s%s: this simulator opens no connections; the only issuer it knows in this world is its own, at %s/%s",
			conf.IdpIssuerURL, idp.DiscoveryPath, idp.Prefix, tx.World())
	}
	if err := idp.Up(tx); err != nil {
		return fmt.Errorf("cannot reach %s%s: %w", conf.IdpIssuerURL, idp.DiscoveryPath, err)
	}
	return nil
}

func federatedSwitch(c *clusterRow) *bool { return &c.Federated }

// enableFederatedAuthentication: seeds/002 "Enable Federated Authentication". It can come before or after the
// configurations, since its page has no refusal for either (assumption 205).
func (s *Service) enableFederatedAuthentication(tx *store.Tx, _ *api.Request, _ *api.Empty) (api.Empty, error) {
	return api.Empty{}, s.switchCluster(tx, federatedSwitch, true)
}

// disableFederatedAuthentication: seeds/002 "Disable Federated Authentication". The configurations stay.
func (s *Service) disableFederatedAuthentication(tx *store.Tx, _ *api.Request, _ *api.Empty) (api.Empty, error) {
	return api.Empty{}, s.switchCluster(tx, federatedSwitch, false)
}

// idpParams has no members: the provider is that of the world.
type idpParams struct{}

// idpHealth is what the actions on the provider answer.
type idpHealth struct {
	Healthy bool `json:"healthy"`
}

func (s *Service) failIdp(tx *store.Tx, _ *idpParams) (any, error) {
	return idpHealth{}, idp.SetDown(tx, true)
}

func (s *Service) recoverIdp(tx *store.Tx, _ *idpParams) (any, error) {
	return idpHealth{Healthy: true}, idp.SetDown(tx, false)
}
