// Package pagefile checks that a bbolt file is whole, before bbolt may write to it and while it is open.
//
// bbolt trusts what its pages say: a damaged page ends the process with a stack trace, when the file is opened or at a
// later request.
//
// A closed file is sealed: after the last page it has a checksum of all of them, which detects any changed bit. The
// seal names the transaction that it belongs to, and counts for nothing after a later one. A file without a seal was
// left by a killed process. Check then looks at every page that the tree of the last transaction reaches, and refuses
// what bbolt could panic on. A changed bit within a row is not detected.
//
// The layout below is that of bbolt's file format, version 2.
package pagefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader  = 16 // id, flags, count, overflow
	elementSize = 16 // of a branch: position, key size, page; of a leaf: flags, position, key size, value size
	metaSize    = 64
	bucketHead  = 16 // root page, sequence
	noFreelist  = ^uint64(0)

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	leafBucket   = 0x01

	maxDepth = 64 // levels of a tree and of the buckets in it; a file of 2^64 bytes has fewer
)

// metaPage is a part of a meta page.
type metaPage struct {
	pageSize             uint64
	root, freelist, high uint64 // high is the first page that does not exist
	txid                 uint64
}

// readMeta returns false for anything but an intact meta page.
func readMeta(page []byte) (m metaPage, ok bool) {
	if len(page) < pageHeader+metaSize {
		return m, false
	}
	b := page[pageHeader:][:metaSize]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	order := binary.NativeEndian
	if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion ||
		order.Uint64(b[metaSize-8:]) != sum.Sum64() {
		return m, false
	}
	m = metaPage{pageSize: uint64(order.Uint32(b[8:])), root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		high: order.Uint64(b[40:]), txid: order.Uint64(b[48:])}
	return m, m.pageSize >= 512 && m.pageSize <= 1<<20 && m.high >= 4
}

// Check returns an error if the file is damaged or incomplete. Nothing may write to it meanwhile.
func Check(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	data, release, err := mapFile(f)
	if err != nil {
		return err
	}
	defer release()
	return catchChange(func() error { return checkData(data) })
}

func checkData(data []byte) error {
	m, err := newestMeta(data)
	if err != nil {
		return err
	}
	if seal, ok := readSeal(data, m); ok {
		if sum := sumOf(data[:m.high*m.pageSize]); sum != seal {
			return fmt.Errorf("the checksum of its pages is %08x, but was %08x when it was closed", sum, seal)
		}
		return nil
	}
	c := checker{data: data, pageSize: m.pageSize, high: m.high, seen: make([]atomic.Bool, m.high),
		busy: make(chan struct{}, runtime.GOMAXPROCS(0)-1)}
	if err := c.page(m.root, nil, nil, 0); err != nil {
		return err
	}
	return c.freelist(m.freelist)
}

// catchChange runs read, which reads a mapped file. If the file is truncated meanwhile, the fault becomes an error.
func catchChange(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it was changed while it was read: %v", r)
		}
	}()
	return read()
}

// newestMeta returns the meta page of the last transaction. Both meta pages must be intact: a damaged one may be the
// last one's (assumption 360).
func newestMeta(data []byte) (m metaPage, err error) {
	size := uint64(os.Getpagesize())
	first, intact := readMeta(data)
	if intact {
		size = first.pageSize
	}
	if uint64(len(data)) < 2*size {
		return m, fmt.Errorf("it has %d bytes, fewer than its two meta pages", len(data))
	}
	second, other := readMeta(data[size:])
	if !intact || !other || first.pageSize != second.pageSize {
		return m, errors.New("one of its two meta pages is damaged")
	}
	if m = first; second.txid > first.txid {
		m = second
	}
	want := m.high * m.pageSize
	if m.high <= uint64(len(data)) && want <= uint64(len(data)) {
		rest := data[want:]
		partOfSeal := bytes.HasPrefix(rest, []byte(sealMagic)[:min(len(rest), len(sealMagic))])
		if len(rest) == 0 || len(rest) >= sealSize || !partOfSeal {
			return m, nil
		}
		want += uint64(sealSize)
	}
	return m, fmt.Errorf("it has %d of %d bytes", len(data), want)
}

// checker walks the pages of one transaction on every processor.
type checker struct {
	data     []byte
	pageSize uint64
	high     uint64 // the first page that does not exist
	seen     []atomic.Bool
	busy     chan struct{} // has one element for each goroutine beside the first
}

// take returns the bytes of a page with its overflow pages. It returns an error if one of them was taken before.
func (c *checker) take(id uint64) ([]byte, error) {
	if id < 2 || id >= c.high {
		return nil, fmt.Errorf("page %d does not exist", id)
	}
	b := c.data[id*c.pageSize:]
	order := binary.NativeEndian
	if own := order.Uint64(b); own != id {
		return nil, fmt.Errorf("page %d has the number %d", id, own)
	}
	n := 1 + uint64(order.Uint32(b[12:]))
	if n > c.high-id {
		return nil, fmt.Errorf("page %d is longer than the file", id)
	}
	for i := id; i < id+n; i++ {
		if c.seen[i].Swap(true) {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
	}
	return b[:n*c.pageSize], nil
}

// page checks a page and all pages below it. Its keys must be at least low and, unless high is nil, less than high.
func (c *checker) page(id uint64, low, high []byte, depth int) error {
	b, err := c.take(id)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("page %d is too deep in the tree", id)
	}
	switch flags := binary.NativeEndian.Uint16(b[8:]); flags {
	case flagLeaf:
		err = c.leaf(b, low, high, depth)
	case flagBranch:
		err = c.branch(b, low, high, depth)
	default:
		return fmt.Errorf("page %d has the flags %#x", id, flags)
	}
	if errors.Is(err, errEntry) {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return err
}

// errEntry is the error of an entry that is not within its page, or out of order.
var errEntry = errors.New("an entry is damaged")

// entry returns size bytes at a position relative to an element of the page.
func entry(b []byte, element int, position, size uint32) ([]byte, error) {
	from := uint64(element) + uint64(position)
	if from < pageHeader || from+uint64(size) > uint64(len(b)) {
		return nil, fmt.Errorf("%w: it is outside the page", errEntry)
	}
	return b[from : from+uint64(size)], nil
}

// elements returns the number of elements of a page.
func elements(b []byte) (int, error) {
	n := int(binary.NativeEndian.Uint16(b[10:]))
	if pageHeader+n*elementSize > len(b) {
		return 0, fmt.Errorf("%w: %d do not fit", errEntry, n)
	}
	return n, nil
}

// follows checks that a key is greater than the last one or, if it is the first of its page, not less than low, and
// that it is less than high.
func follows(key, last, low, high []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: its key is empty", errEntry)
	case last != nil && bytes.Compare(last, key) >= 0, last == nil && bytes.Compare(low, key) > 0,
		high != nil && bytes.Compare(key, high) >= 0:
		return fmt.Errorf("%w: its key is out of order", errEntry)
	}
	return nil
}

func (c *checker) branch(b, low, high []byte, depth int) error {
	n, err := elements(b)
	if err != nil || n == 0 {
		return errors.Join(err, errEntry)
	}
	order := binary.NativeEndian
	keys, pages := make([][]byte, n+1), make([]uint64, n)
	keys[n] = high
	var last []byte
	for i := range n {
		at := pageHeader + i*elementSize
		key, err := entry(b, at, order.Uint32(b[at:]), order.Uint32(b[at+4:]))
		if err != nil {
			return err
		}
		if err := follows(key, last, low, high); err != nil {
			return err
		}
		keys[i], pages[i], last = key, order.Uint64(b[at+8:]), key
	}
	return c.children(pages, keys, depth+1)
}

// children checks the pages below a branch, which lie between its keys. Those that are branches themselves are checked
// concurrently, on as many goroutines as there are processors.
func (c *checker) children(pages []uint64, keys [][]byte, depth int) error {
	errs := make([]error, len(pages))
	var group sync.WaitGroup
	defer group.Wait() // also if a page faults: the caller unmaps the bytes
	for i, id := range pages {
		walk := func() { errs[i] = c.page(id, keys[i], keys[i+1], depth) }
		if !c.isBranch(id) {
			walk()
			continue
		}
		select {
		case c.busy <- struct{}{}:
			group.Go(func() {
				defer func() { <-c.busy }()
				if err := catchChange(func() error { walk(); return nil }); err != nil {
					errs[i] = err
				}
			})
		default:
			walk()
		}
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) isBranch(id uint64) bool {
	return id < c.high && binary.NativeEndian.Uint16(c.data[id*c.pageSize+8:]) == flagBranch
}

func (c *checker) leaf(b, low, high []byte, depth int) error {
	n, err := elements(b)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	var last []byte
	for i := range n {
		at := pageHeader + i*elementSize
		flags, position, size := order.Uint32(b[at:]), order.Uint32(b[at+4:]), order.Uint32(b[at+8:])
		key, err := entry(b, at, position, size)
		if err != nil {
			return err
		}
		if err := follows(key, last, low, high); err != nil {
			return err
		}
		if last = key; flags > leafBucket || uint64(position)+uint64(size) > uint64(len(b)) {
			return errEntry
		}
		value, err := entry(b, at, position+size, order.Uint32(b[at+12:]))
		if err != nil {
			return err
		}
		if len(value) == 0 { // the store writes no empty value
			return fmt.Errorf("%w: it has no value", errEntry)
		}
		if flags == leafBucket {
			if err := c.bucket(value, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket checks a bucket in a leaf, which has the number of its root page or is inline.
func (c *checker) bucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return fmt.Errorf("%w: a bucket has %d bytes", errEntry, len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.page(root, nil, nil, depth)
	}
	inline := value[bucketHead:]
	if len(inline) < pageHeader || binary.NativeEndian.Uint16(inline[8:]) != flagLeaf || depth > maxDepth {
		return fmt.Errorf("%w: a bucket has no page", errEntry)
	}
	return c.leaf(inline, nil, nil, depth)
}

// freelist checks the list of free pages, if the file has one. None of them may be in use.
func (c *checker) freelist(id uint64) error {
	if id == noFreelist {
		return nil
	}
	b, err := c.take(id)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	n, list := uint64(order.Uint16(b[10:])), b[pageHeader:]
	if n == 0xFFFF { // the first number is the count
		n, list = order.Uint64(list), list[8:]
	}
	if order.Uint16(b[8:]) != flagFreelist || n > uint64(len(list)/8) {
		return fmt.Errorf("page %d is not a list of free pages", id)
	}
	for ; n > 0; n-- {
		free := order.Uint64(list)
		if list = list[8:]; free < 2 || free >= c.high || c.seen[free].Swap(true) {
			return fmt.Errorf("page %d is free and in use", free)
		}
	}
	return nil
}
