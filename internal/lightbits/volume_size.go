package lightbits

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// lba is the unit of the product's bookkeeping, in bytes.
const lba = 4096

// maxVolumeSize bounds a volume, in bytes: 1 PiB (assumption 4).
const maxVolumeSize = 1 << 50

// sizeForm matches a number with an optional unit: "4294967296", "4294967296b", "4GiB", "4 gib", "1.5 TB".
var sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([a-zA-Z]*)$`)

var sizeUnits = map[string]int64{
	"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
	"p": 1 << 50,
}

// parseSize parses a size as clients send it and rounds it up to a multiple of 4096 bytes (facts/lightbits.md 4.1 "size
// formats"; decimal units are powers of ten, assumption 5). It returns InvalidArgument for an invalid size, for 0 and
// for more than maxVolumeSize.
func parseSize(text string) (uint64, error) {
	m := sizeForm.FindStringSubmatch(strings.TrimSpace(text))
	var unit int64
	known := false
	if m != nil {
		unit, known = sizeUnits[strings.ToLower(m[2])]
	}
	if !known {
		return 0, refusal.New(refusal.InvalidArgument,
			`size %q is invalid: it must be a positive number of bytes, or a number with a unit, `+
				`as in "4294967296", "4GiB" or "4 gib"`, text)
	}
	n, _ := new(big.Rat).SetString(m[1])
	n.Mul(n, new(big.Rat).SetInt64(unit))
	if n.Sign() <= 0 || n.Cmp(new(big.Rat).SetInt64(maxVolumeSize)) > 0 {
		return 0, refusal.New(refusal.InvalidArgument,
			"size %q must be above 0 and at most %d bytes", text, int64(maxVolumeSize))
	}
	bytes, _ := n.Float64()
	return uint64(math.Ceil(bytes/lba)) * lba, nil
}

// byteCount is a number of bytes of an action: a JSON number, or a string with a unit of volume sizes.
type byteCount uint64

// UnmarshalJSON returns a *strict.Error for anything but a whole number of bytes that is not negative.
func (n *byteCount) UnmarshalJSON(data []byte) error {
	text := string(data)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	wrong := &strict.Error{
		Detail: fmt.Sprintf("%q is not a number of bytes, such as 4096, \"64KiB\" or \"1.5 GiB\"", text),
	}
	m := sizeForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return wrong
	}
	unit, known := sizeUnits[strings.ToLower(m[2])]
	if !known {
		return wrong
	}
	bytes, _ := new(big.Rat).SetString(m[1]) // always a number, by sizeForm
	bytes.Mul(bytes, new(big.Rat).SetInt64(unit))
	if !bytes.IsInt() || !bytes.Num().IsUint64() {
		return wrong
	}
	*n = byteCount(bytes.Num().Uint64())
	return nil
}

// SectorSize is the enum of create requests; responses have the number.
type SectorSize string

// The sector sizes.
const (
	SectorSizeDefault SectorSize = "sectorSize_Default"
	SectorSize512     SectorSize = "sectorSize_512B"
	SectorSize4K      SectorSize = "sectorSize_4K"
)

// EnumNumbers returns the vendor's numbers: the sizes in bytes.
func (SectorSize) EnumNumbers() map[string]int32 { return sectorSizes }

var sectorSizes = map[string]int32{
	string(SectorSizeDefault): 0, string(SectorSize512): 512, string(SectorSize4K): lba,
}

// bytes returns the size in bytes; the default is 4096.
func (z SectorSize) bytes() uint32 {
	if z == SectorSize512 {
		return 512
	}
	return lba
}

// resize changes a volume's size. Shrinking needs Force, and is not implemented for a volume that has snapshots
// (assumption 10: the page documents 501 "updating capacity" and names no case).
func (s *Service) resize(tx *store.Tx, v *Volume, size uint64, force bool) error {
	if size == v.Size {
		return nil
	}
	shrinks := size < v.Size
	if shrinks && !force {
		return refusal.New(refusal.InvalidArgument,
			"size %d is smaller than the volume's %d bytes; Force is needed to shrink it", size, v.Size)
	}
	if shrinks && s.hasSnapshots(tx, v) {
		return refusal.New(refusal.Unimplemented,
			"updating capacity: volume %s has snapshots and cannot be shrunk", v.Name)
	}
	if err := s.checkResize(tx, v, size); err != nil {
		return err
	}
	was := v.Size
	if err := s.resizeVolume(tx, v, size); err != nil {
		return err
	}
	about := events.AboutVolume(v.ProjectName, v.UUID, v.Name).With(fmt.Sprintf("from %d to %d bytes", was, size))
	if err := s.logEvent(tx, events.VolumeResized, about); err != nil {
		return err
	}
	if shrinks {
		return s.truncateBlocks(tx, v)
	}
	return nil
}

// resizedVolume is a volume that is Updating because its size is being changed.
type resizedVolume struct {
	Key string `json:"key"` // of the volume
}

var resizing = store.NewTable("lightbits.resizing", func(r *resizedVolume) string { return r.Key },
	store.JSON[resizedVolume]())

// resized records that the size of a volume is no longer being changed.
func resized(tx *store.Tx, v *Volume) error {
	if key := volumeKey(v); resizing.Has(tx, key) {
		return resizing.Delete(tx, key)
	}
	return nil
}

// checkResize returns Unavailable for a volume that is ReadOnly or NotAvailable (assumption 271), and InvalidArgument
// if a larger volume does not fit on one of its nodes.
func (s *Service) checkResize(tx *store.Tx, v *Volume, size uint64) error {
	if v.ProtectionState == ProtectionReadOnly || v.ProtectionState == ProtectionNotAvailable {
		return refusal.New(refusal.Unavailable,
			"volume %s is %s and cannot be resized now; try again later", v.Name, v.ProtectionState).
			Because(Unprotected{Volume: v.UUID, State: v.ProtectionState, Nodes: v.NodeList})
	}
	if size < v.Size {
		return nil
	}
	if u := s.readOnlyNode(tx, v.NodeList); u != nil {
		return refusal.New(refusal.InvalidArgument,
			"volume %s cannot grow: node %s is read-only, its storage is nearly full", v.Name, u.Name)
	}
	if u := s.smallNode(tx, v.NodeList, size); u != nil {
		return refusal.New(refusal.InvalidArgument,
			"volume %s cannot grow to %d bytes: node %s holds at most %d", v.Name, size, u.Name, u.largest())
	}
	return nil
}
