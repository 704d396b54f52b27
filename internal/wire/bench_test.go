package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/wire"
)

// row has 25 members in the mixture of a stored volume.
type row struct {
	UUID        string            `json:"UUID"`
	Name        string            `json:"name"`
	Project     string            `json:"projectName"`
	State       state             `json:"state"`
	Protection  state             `json:"protectionState"`
	Size        uint64            `json:"size"`
	Replicas    uint32            `json:"replicaCount"`
	NSID        uint32            `json:"nsid"`
	ACL         limits            `json:"acl"`
	IPs         []string          `json:"IPAcl"`
	Nodes       []string          `json:"nodeList"`
	Compression string            `json:"compression"`
	ETag        string            `json:"ETag"`
	Statistics  *limits           `json:"statistics"`
	Source      string            `json:"sourceSnapshotUUID"`
	Created     time.Time         `json:"creationTime"`
	Updated     time.Time         `json:"lastUpgrade"`
	Sector      uint32            `json:"sectorSize"`
	Rebuild     string            `json:"rebuildProgress"`
	Policy      string            `json:"qosPolicyUUID"`
	PolicyName  string            `json:"qosPolicyName"`
	Ratio       float64           `json:"compressionRatio"`
	Labels      map[string]string `json:"labels"`
	Encrypted   bool              `json:"encrypted"`
	Retention   wire.Duration     `json:"retention"`
}

func fullRow() *row {
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)
	return &row{
		UUID: "2f8b6a70-3c6c-4d5b-9a64-1f2e3d4c5b6a", Name: "volume-1", Project: "default", State: "Active",
		Protection: "EncryptingDEKs",
		Size:       4 << 30, Replicas: 3, NSID: 17, ACL: limits{Max: 1}, IPs: []string{"10.0.0.1"},
		Nodes: []string{"9a64-0", "9a64-1",
			"9a64-2"}, Compression: "false", ETag: "7", Statistics: &limits{Max: 12345}, Source: "s",
		Created: at, Updated: at, Sector: 4096, Rebuild: "None", Policy: "2f8b6a70-3c6c-4d5b-9a64-1f2e3d4c5b6b",
		PolicyName: "gold",
		Ratio:      1.25, Labels: map[string]string{"app": "db"}, Encrypted: true, Retention: wire.Duration(time.Hour),
	}
}

func BenchmarkAppend(b *testing.B) {
	v, buf := fullRow(), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Append(buf, v, wire.OmitZero); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data, err := wire.Append(nil, fullRow(), wire.OmitZero)
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var v row
		if err := wire.Unmarshal(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}
