package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"storagesim/internal/wire"
)

type state string

func (state) EnumNumbers() map[string]int32 {
	return map[string]int32{"Unknown": 0, "Active": 1, "EncryptingDEKs": 2, "EncryptyingDEKs": 2, "sectorSize_4K": 4096}
}

// probe is message Probe of testdata/oracle/probe.go.
type probe struct {
	Flag     bool              `json:"flag"`
	Name     string            `json:"name"`
	I32      int32             `json:"i32"`
	U32      uint32            `json:"u32"`
	I64      int64             `json:"i64"`
	Size     uint64            `json:"size"`
	Ratio    float64           `json:"ratio"`
	Payload  []byte            `json:"payload"`
	At       time.Time         `json:"at"`
	TTL      *wire.Duration    `json:"ttl"`
	State    state             `json:"state"`
	Child    *probe            `json:"child"`
	Tags     []string          `json:"tags"`
	Sizes    []uint64          `json:"sizes"`
	Children []*probe          `json:"children"`
	States   []state           `json:"states"`
	Labels   map[string]string `json:"labels"`
	Kids     map[string]probe  `json:"kids"`
	Boxed    *int32            `json:"boxed"`
	Token    *[]byte           `json:"token"`
	PickA    *string           `json:"pickA,oneof,group=pick"`
	PickB    *string           `json:"pickB,oneof,group=pick"`
	PickC    *probe            `json:"pickC,oneof,group=pick"`
}

type kind string

func (kind) EnumNumbers() map[string]int32 {
	return map[string]int32{"TYPE_UNKNOWN": 0, "TYPE_BOOL": 8}
}

type syntax string

func (syntax) EnumNumbers() map[string]int32 {
	return map[string]int32{"SYNTAX_PROTO2": 0, "SYNTAX_PROTO3": 1}
}

// protoField and protoType are google.protobuf.Field and Type.
type protoField struct {
	Kind       kind   `json:"kind"`
	Number     int32  `json:"number"`
	Name       string `json:"name"`
	OneofIndex int32  `json:"oneof_index"`
	Packed     bool   `json:"packed"`
}

type protoType struct {
	Name    string       `json:"name"`
	Fields  []protoField `json:"fields"`
	Oneofs  []string     `json:"oneofs"`
	Context *struct {
		FileName string `json:"file_name"`
	} `json:"source_context"`
	Syntax syntax `json:"syntax"`
}

// TestGateway_Replay does what the real gateways were asked to do in testdata/oracle.
func TestGateway_Replay(t *testing.T) {
	data, err := os.ReadFile("testdata/gateway.txt")
	require.NoError(t, err)
	ran := 0
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, "\t")
		require.GreaterOrEqual(t, len(parts), 4, line)
		input := parts[2]
		if q, ok := strings.CutPrefix(input, "q:"); ok {
			input, err = strconv.Unquote(q)
			require.NoError(t, err)
		}
		ran++
		t.Run(strings.Join(parts[:3], " "), func(t *testing.T) {
			answer := replayBody(t, parts[0], input)
			if parts[1] == "query" {
				answer = replayQuery(t, input)
			}
			if len(parts) > 4 {
				assert.NotEqual(t, parts[3], answer, "no longer %s", parts[4])
				return
			}
			assert.Equal(t, parts[3], answer)
		})
	}
	assert.Greater(t, ran, 200)
}

func replayBody(t *testing.T, gateway, input string) string {
	var p probe
	if err := wire.Unmarshal([]byte(input), &p); err != nil {
		var refused *wire.Error
		require.ErrorAs(t, err, &refused)
		return "refuse"
	}
	zero := wire.OmitZero
	if gateway == "v2" {
		zero = wire.EmitZero
	}
	return accepted(t, p, zero)
}

func accepted(t *testing.T, v any, zero wire.Zero) string {
	out, err := wire.Append(nil, v, zero)
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, out))
	return "accept " + compact.String()
}

func replayQuery(t *testing.T, input string) string {
	values, err := url.ParseQuery(input)
	require.NoError(t, err)
	var v any = &protoField{}
	if values.Has("T") {
		v = &protoType{}
	}
	for path, texts := range values {
		if err := wire.SetField(v, path, texts); err != nil {
			if errors.Is(err, wire.ErrUnknownField) {
				continue
			}
			var refused *wire.Error
			require.ErrorAs(t, err, &refused)
			return "refuse"
		}
	}
	return accepted(t, v, wire.OmitZero)
}
