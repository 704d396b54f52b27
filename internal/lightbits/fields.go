package lightbits

import (
	"errors"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// lba is the unit of the product's bookkeeping, in bytes.
const lba = 4096

// maxVolumeSize bounds a volume, in bytes: 1 PiB (assumption 4).
const maxVolumeSize = 1 << 50

// sizeForm is a number with an optional unit: "4294967296", "4294967296b", "4GiB", "4 gib", "1.5 TB".
var sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([a-zA-Z]*)$`)

var sizeUnits = map[string]int64{
	"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50,
}

// parseSize reads a size as clients send it and rounds it up to a multiple of 4096 bytes (facts/lightbits.md 4.1 "size
// formats"; decimal units as powers of ten, assumption 5). Zero, and more than a volume can have, is refused.
func parseSize(text string) (uint64, error) {
	m := sizeForm.FindStringSubmatch(strings.TrimSpace(text))
	var unit int64
	known := false
	if m != nil {
		unit, known = sizeUnits[strings.ToLower(m[2])]
	}
	if !known {
		return 0, refusal.New(refusal.InvalidArgument,
			`size %q is not a size: a positive number of bytes or with a unit is expected, as in "4294967296", "4GiB" or "4 gib"`, text)
	}
	n, _ := new(big.Rat).SetString(m[1])
	n.Mul(n, new(big.Rat).SetInt64(unit))
	if n.Sign() <= 0 || n.Cmp(new(big.Rat).SetInt64(maxVolumeSize)) > 0 {
		return 0, refusal.New(refusal.InvalidArgument, "size %q must be above 0 and at most %d bytes", text, int64(maxVolumeSize))
	}
	bytes, _ := n.Float64()
	return uint64(math.Ceil(bytes/lba)) * lba, nil
}

// parseCompression reads the spellings that clients use (facts/lightbits.md 4.1); "" is false.
func parseCompression(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "", "false", "disable", "disabled":
		return false, nil
	case "true", "enable", "enabled":
		return true, nil
	}
	return false, refusal.New(refusal.InvalidArgument, `compression %q must be "true" or "false"`, text)
}

func compressionText(on bool) string {
	if on {
		return "true"
	}
	return "false"
}

// plainWord says whether a text has 1 to 253 letters, digits, '-', '_' and '.'.
func plainWord(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// checkName refuses names that the product does not take for volumes and snapshots.
func checkName(what, name string) error {
	if name == "" {
		return refusal.New(refusal.InvalidArgument, "the %s name is missing", what)
	}
	if !plainWord(name) {
		return refusal.New(refusal.InvalidArgument,
			"%s name %q contains illegal characters: 1 to 253 letters, digits, '-', '_' and '.' are allowed", what, name)
	}
	return nil
}

// Pseudo entries of access control lists.
const (
	allowAny  = "ALLOW_ANY"
	allowNone = "ALLOW_NONE"
)

const (
	maxACL   = 1024 // assumption 6
	maxIPAcl = 16   // facts/lightbits.md 4.1
	maxNQN   = 223  // bytes, as NVMe has it
)

// given says whether a list of a request holds anything; an absent or empty one leaves things as they are.
func (l *StringList) given() bool { return l != nil && len(l.Values) > 0 }

// checkACL refuses a list that the product would not take. Entries are not checked as NQNs: the vendor's own tests use
// "ace-1" (facts/lightbits.md 3.4).
func checkACL(l *StringList) error {
	if len(l.Values) > maxACL {
		return refusal.New(refusal.InvalidArgument, "ACL is invalid: %d entries, at most %d are allowed", len(l.Values), maxACL)
	}
	for _, v := range l.Values {
		if v == "" || len(v) > maxNQN {
			return refusal.New(refusal.InvalidArgument, "ACL is invalid: entry %q must have 1 to %d bytes", v, maxNQN)
		}
	}
	return checkPseudo("ACL", l.Values)
}

// checkIPAcl refuses what is neither a list of IP addresses nor a pseudo entry.
func checkIPAcl(l *StringList) error {
	if len(l.Values) > maxIPAcl {
		return refusal.New(refusal.InvalidArgument, "IP-ACL is invalid: %d entries, at most %d are allowed", len(l.Values), maxIPAcl)
	}
	for _, v := range l.Values {
		if v == allowAny || v == allowNone {
			continue
		}
		if _, err := netip.ParseAddr(v); err != nil {
			return refusal.New(refusal.InvalidArgument, "IP-ACL is invalid: %q is neither an IP address nor %s nor %s", v, allowAny, allowNone)
		}
	}
	return checkPseudo("IP-ACL", l.Values)
}

// checkPseudo refuses a pseudo entry beside others.
func checkPseudo(what string, values []string) error {
	for _, v := range values {
		if (v == allowAny || v == allowNone) && len(values) > 1 {
			return refusal.New(refusal.InvalidArgument, "%s is invalid: %s must be the only entry", what, v)
		}
	}
	return nil
}

const maxLabels = 16

// parseLabels checks labels and cuts each key down to what follows its last '-' or '.', as the vendor's own plug-in saw
// (facts/lightbits.md 4.1 "labels").
func parseLabels(in []*Label) ([]*Label, error) {
	if len(in) > maxLabels {
		return nil, refusal.New(refusal.InvalidArgument, "%d labels are given, at most %d are allowed", len(in), maxLabels)
	}
	out := make([]*Label, 0, len(in))
	seen := make(map[string]bool, len(in))
	for _, l := range in {
		if l == nil || !plainWord(l.Key) || !plainWord(l.Value) {
			return nil, refusal.New(refusal.InvalidArgument,
				"label is invalid: key and value must have 1 to 253 letters, digits, '-', '_' and '.'")
		}
		key := l.Key[strings.LastIndexAny(l.Key, "-.")+1:]
		if key == "" || seen[key] {
			return nil, refusal.New(refusal.InvalidArgument, "label key %q is empty or given twice after its prefix is taken away", l.Key)
		}
		seen[key] = true
		out = append(out, &Label{Key: key, Value: l.Value})
	}
	return out, nil
}

// SectorSize is the enum of create requests; answers hold the number.
type SectorSize string

// The sector sizes.
const (
	SectorSizeDefault SectorSize = "sectorSize_Default"
	SectorSize512     SectorSize = "sectorSize_512B"
	SectorSize4K      SectorSize = "sectorSize_4K"
)

// EnumNumbers is as in the vendor's definition: the number is the size.
func (SectorSize) EnumNumbers() map[string]int32 { return sectorSizes }

var sectorSizes = map[string]int32{
	string(SectorSizeDefault): 0, string(SectorSize512): 512, string(SectorSize4K): lba,
}

// bytes is the size in bytes; the default is 4096.
func (z SectorSize) bytes() uint32 {
	if z == SectorSize512 {
		return 512
	}
	return lba
}

// named answers the row whose key is a name. What is how such a thing is called in words. InvalidArgument where no name is
// given, NotFound where nothing has it.
func named[T any](tx *store.Tx, table *store.Table[T], what, name string) (row T, err error) {
	if name == "" {
		return row, refusal.New(refusal.InvalidArgument, "the %s name is missing", what)
	}
	row, err = table.Get(tx, name)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "%s %q was not found", what, name)
	}
	return row, err
}

func values(l *StringList) []string {
	if l == nil {
		return nil
	}
	return l.Values
}
