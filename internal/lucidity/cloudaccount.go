package lucidity

import (
	"slices"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// The clouds (seeds/000).
const (
	providerAWS   = "AWS"
	providerAzure = "AZURE"
	providerGCP   = "GCP"
)

func providers() []string { return []string{providerAWS, providerAzure, providerGCP} }

func checkProvider(name, provider string) error {
	if !slices.Contains(providers(), provider) {
		return invalid("%s %q must be one of %s", name, provider, strings.Join(providers(), ", "))
	}
	return nil
}

// CloudAccount is an account at a cloud as an onboarding finds it. An account that the world does not describe can be
// reached with any credentials (assumption 186).
type CloudAccount struct {
	CloudProvider          string `json:"cloudProvider"`
	CloudProviderAccountID string `json:"cloudProviderAccountId"`
	Name                   string `json:"name,omitempty"`
	Unreachable            bool   `json:"unreachable,omitempty"`
	PermissionsMissing     bool   `json:"permissionsMissing,omitempty"`
	// The values that a request must have to reach the account; "" accepts any value.
	ExternalID       string `json:"externalId,omitempty"`
	AWSIAMRoleName   string `json:"awsIAMRoleName,omitempty"`
	AWSIAMPolicyName string `json:"awsIAMPolicyName,omitempty"`
}

// keySeparator separates the parts of a key. No string in a request contains it.
const keySeparator = "\x00"

func accountKey(provider, account string) string { return provider + keySeparator + account }

var cloudAccounts = store.NewTable("lucidity.cloudaccount",
	func(a *CloudAccount) string { return accountKey(a.CloudProvider, a.CloudProviderAccountID) },
	store.JSON[CloudAccount]())

// cloudAccountOf returns the account as the world describes it, else an account that can always be onboarded.
func cloudAccountOf(tx *store.Tx, provider, account string) CloudAccount {
	a, err := cloudAccounts.Get(tx, accountKey(provider, account))
	if err != nil {
		a = CloudAccount{CloudProvider: provider, CloudProviderAccountID: account}
	}
	if a.Name == "" {
		a.Name = account
	}
	return a
}

// CloudAccountCause is the property of a cloud account that prevents an onboarding.
type CloudAccountCause struct {
	Account string `json:"cloudProviderAccountId"`
	Detail  string `json:"detail"`
}

// CauseKind returns refusal.Credential.
func (CloudAccountCause) CauseKind() refusal.CauseKind { return refusal.Credential }

// reach refuses with Unauthenticated if the account cannot be reached with auth; only the message distinguishes this
// refusal from that of an invalid token. It refuses with Internal if permissions are missing and skipPermissions is
// false.
func (a *CloudAccount) reach(auth *authInfo, skipPermissions bool) error {
	detail := ""
	switch {
	case a.Unreachable:
		detail = "the cloud account cannot be reached"
	case a.ExternalID != "" && a.ExternalID != auth.ExternalID:
		detail = "externalId is not the one that the role trusts"
	case a.AWSIAMRoleName != "" && a.AWSIAMRoleName != auth.AWSIAMRoleName:
		detail = "the account has no such IAM role"
	case a.AWSIAMPolicyName != "" && a.AWSIAMPolicyName != auth.AWSIAMPolicyName:
		detail = "the account has no such IAM policy"
	}
	if detail != "" {
		return refusal.New(refusal.Unauthenticated, "Authentication failed: the cloud account could not be validated.").
			Because(CloudAccountCause{Account: a.CloudProviderAccountID, Detail: detail})
	}
	if a.PermissionsMissing && !skipPermissions {
		return refusal.New(refusal.Internal, "Tenant PermissionCheck Failed").
			Because(CloudAccountCause{
				Account: a.CloudProviderAccountID, Detail: "the role lacks permissions; skipCloudPermissionCheck skips the check",
			})
	}
	return nil
}
