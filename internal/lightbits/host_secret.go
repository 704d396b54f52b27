package lightbits

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// TargetSecretType is how a host authenticates the cluster: not at all, or with a secret that the caller
// gives or the cluster makes.
type TargetSecretType string

// The types of target secrets.
const (
	TargetSecretDisabled TargetSecretType = "Disabled"
	TargetSecretEnabled  TargetSecretType = "Enabled"
	TargetSecretAutoGen  TargetSecretType = "AutoGenSecret"
)

var targetSecretTypeNames = map[string]int32{
	string(TargetSecretDisabled): 0, string(TargetSecretEnabled): 1, string(TargetSecretAutoGen): 2,
}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (TargetSecretType) EnumNumbers() map[string]int32 { return targetSecretTypeNames }

// hostSecrets are the secrets that a host and the cluster share.
type hostSecrets struct {
	Host       string           `json:"host"`
	Target     string           `json:"target"`
	TargetType TargetSecretType `json:"targetType"`
}

type getTrustedHostSecretsResponse struct {
	Host             *TrustedHost     `json:"host"`
	HostSecret       string           `json:"hostSecret"`
	TargetSecret     string           `json:"targetSecret"`
	TargetSecretType TargetSecretType `json:"targetSecretType"`
}

// getTrustedHostSecret: seeds/002 "Get secrets of a host". Without secrets it returns the host alone.
func (s *Service) getTrustedHostSecret(tx *store.Tx, r *api.Request,
	q *trustedHostRequest) (getTrustedHostSecretsResponse, error) {
	row, err := s.findTrustedHost(tx, r, q.ProjectName, q.Name, "get")
	if err != nil {
		return getTrustedHostSecretsResponse{}, err
	}
	return getTrustedHostSecretsResponse{
		Host: &row.TrustedHost, HostSecret: row.Secrets.Host, TargetSecret: row.Secrets.Target,
		TargetSecretType: row.Secrets.TargetType,
	}, nil
}

type setTrustedHostSecretsRequest struct {
	Name             string           `json:"name"`
	ProjectName      string           `json:"projectName"`
	HostSecret       string           `json:"hostSecret" required:"{path} is missing"`
	TargetSecret     string           `json:"targetSecret"`
	TargetSecretType TargetSecretType `json:"targetSecretType"`
}

// setTrustedHostSecret: seeds/002 "Set the secrets for a host". They replace all secrets set before.
func (s *Service) setTrustedHostSecret(tx *store.Tx, r *api.Request, q *setTrustedHostSecretsRequest) (api.Empty,
	error) {
	var none api.Empty
	row, err := s.findTrustedHost(tx, r, q.ProjectName, q.Name, "update")
	if err != nil {
		return none, err
	}
	if err := s.inBandAllowed(tx); err != nil {
		return none, err
	}
	if row.Secrets, err = q.secrets(tx); err != nil {
		return none, err
	}
	return none, trustedHosts.Put(tx, &row)
}

// maxSecret is the maximum length of a secret, in bytes.
const maxSecret = 1024

// secrets returns the secrets that a request sets. The type of a target secret without a type is Enabled, since
// Disabled cannot be distinguished from no type (assumption 211).
func (q *setTrustedHostSecretsRequest) secrets(tx *store.Tx) (hostSecrets, error) {
	secrets := hostSecrets{Host: q.HostSecret, Target: q.TargetSecret, TargetType: q.TargetSecretType}
	bad := func(format string, args ...any) (hostSecrets, error) {
		return hostSecrets{}, refusal.New(refusal.InvalidArgument, format, args...)
	}
	switch {
	case len(q.HostSecret) > maxSecret || len(q.TargetSecret) > maxSecret:
		return bad("a secret has at most %d bytes", maxSecret)
	case q.TargetSecretType == TargetSecretEnabled && q.TargetSecret == "":
		return bad("targetSecret is missing; targetSecretType %s requires it, %s generates one", TargetSecretEnabled,
			TargetSecretAutoGen)
	case q.TargetSecretType == TargetSecretAutoGen && q.TargetSecret != "":
		return bad("targetSecret is given, but targetSecretType %s generates one; use %s to set it",
			TargetSecretAutoGen, TargetSecretEnabled)
	case q.TargetSecretType == TargetSecretAutoGen:
		secrets.Target = newSecret(tx)
	case q.TargetSecret != "":
		secrets.TargetType = TargetSecretEnabled
	default:
		secrets.TargetType = TargetSecretDisabled
	}
	return secrets, nil
}

// newSecret returns a random secret in the format of NVMe in-band authentication: 32 bytes and their CRC-32,
// little-endian, in base64 (TP 8006; assumption 211).
func newSecret(tx *store.Tx) string {
	var secret []byte
	for range 4 {
		secret = binary.BigEndian.AppendUint64(secret, tx.Rand().Uint64())
	}
	secret = binary.LittleEndian.AppendUint32(secret, crc32.ChecksumIEEE(secret))
	return "DHHC-1:00:" + base64.StdEncoding.EncodeToString(secret) + ":"
}
