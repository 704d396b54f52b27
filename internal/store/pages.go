package store

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

// bbolt believes what pages say: a damaged one ends the process, with a trace instead of words, when the file is opened or at
// some later request. So a file is examined before bbolt may write to it.
//
// Close seals the file: behind the last page it writes a checksum of all of them, which says of every bit whether it is as it
// was left. The seal names the transaction that it belongs to, and counts for nothing once there is a later one. A file
// without a seal was left by a process that was killed: there every page is looked at that the tree of the last transaction
// reaches, and that is refused which bbolt could stumble over; a bit in the middle of a row is not noticed.
//
// What is drawn here is bbolt's file format, version 2, which it promises to keep.

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

	maxDepth = 64 // of a tree and of the buckets in it; a file of 2^64 bytes has fewer levels
)

// metaPage is the part of a meta page that matters here.
type metaPage struct {
	pageSize             uint64
	root, freelist, high uint64
	txid                 uint64
}

// readMeta answers false for anything but an intact meta page.
func readMeta(page []byte) (m metaPage, ok bool) {
	if len(page) < pageHeader+metaSize {
		return m, false
	}
	b := page[pageHeader:][:metaSize]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	order := binary.NativeEndian
	if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion || order.Uint64(b[metaSize-8:]) != sum.Sum64() {
		return m, false
	}
	m = metaPage{pageSize: uint64(order.Uint32(b[8:])), root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		high: order.Uint64(b[40:]), txid: order.Uint64(b[48:])}
	return m, m.pageSize >= 512 && m.pageSize <= 1<<20 && m.high >= 4
}

// examine refuses a file that is not whole. Nobody may write to it meanwhile.
func examine(path string) (err error) {
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
	return unlessChanged(func() error { return examineData(data) })
}

func examineData(data []byte) error {
	m, err := newestMeta(data)
	if err != nil {
		return err
	}
	if seal, ok := readSeal(data, m); ok {
		if sum := sumOf(data[:m.high*m.pageSize]); sum != seal {
			return fmt.Errorf("the checksum of its pages is %08x and was %08x when it was closed", sum, seal)
		}
		return nil
	}
	x := examiner{data: data, pageSize: m.pageSize, high: m.high, seen: make([]atomic.Bool, m.high),
		idle: make(chan struct{}, runtime.GOMAXPROCS(0)-1)}
	if err := x.page(m.root, nil, nil, 0); err != nil {
		return err
	}
	return x.freelist(m.freelist)
}

// unlessChanged runs what reads a file's bytes. Somebody who cuts the file off meanwhile takes pages away from under it: then
// that is the error.
func unlessChanged(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it was changed while it was read: %v", r)
		}
	}()
	return read()
}

// newestMeta answers the meta page of the last transaction. Both must be intact: if one is not, nobody knows whether that
// was the last one (assumption 360).
func newestMeta(data []byte) (m metaPage, err error) {
	size := uint64(os.Getpagesize())
	first, intact := readMeta(data)
	if intact {
		size = first.pageSize
	}
	if uint64(len(data)) < 2*size {
		return m, fmt.Errorf("%d bytes are there, not even the two pages that tell where everything is", len(data))
	}
	second, other := readMeta(data[size:])
	if !intact || !other || first.pageSize != second.pageSize {
		return m, errors.New("one of the two pages that tell where everything is is damaged")
	}
	if m = first; second.txid > first.txid {
		m = second
	}
	if want := m.high * m.pageSize; m.high > uint64(len(data)) || uint64(len(data)) < want {
		return m, fmt.Errorf("%d bytes of %d are there", len(data), want)
	} else if rest := data[want:]; 0 < len(rest) && len(rest) < sealSize && bytes.HasPrefix(rest, []byte(sealMagic)[:min(len(rest), len(sealMagic))]) {
		return m, fmt.Errorf("%d bytes of %d are there", len(data), want+uint64(sealSize))
	}
	return m, nil
}

// examiner walks the pages of one transaction, with every processor.
type examiner struct {
	data     []byte
	pageSize uint64
	high     uint64 // the first page that does not exist
	seen     []atomic.Bool
	idle     chan struct{} // takes one for each further goroutine that may walk
}

// take answers the bytes of a page with those it overflows into, and sees to it that none is used twice.
func (x *examiner) take(id uint64) ([]byte, error) {
	if id < 2 || id >= x.high {
		return nil, fmt.Errorf("page %d is named and does not exist", id)
	}
	b := x.data[id*x.pageSize:]
	order := binary.NativeEndian
	if own := order.Uint64(b); own != id {
		return nil, fmt.Errorf("page %d says that it is page %d", id, own)
	}
	n := 1 + uint64(order.Uint32(b[12:]))
	if n > x.high-id {
		return nil, fmt.Errorf("page %d is longer than the file", id)
	}
	for i := id; i < id+n; i++ {
		if x.seen[i].Swap(true) {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
	}
	return b[:n*x.pageSize], nil
}

// page examines a page and all below it. Its keys are at least low and, unless high is nil, less than high.
func (x *examiner) page(id uint64, low, high []byte, depth int) error {
	b, err := x.take(id)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("page %d lies too deep", id)
	}
	switch flags := binary.NativeEndian.Uint16(b[8:]); flags {
	case flagLeaf:
		err = x.leaf(b, low, high, depth)
	case flagBranch:
		err = x.branch(b, low, high, depth)
	default:
		return fmt.Errorf("page %d has the flags %#x", id, flags)
	}
	if errors.Is(err, errEntry) {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return err
}

// errEntry says that an entry does not lie within its page, or not in order.
var errEntry = errors.New("an entry is damaged")

// entry cuts out size bytes at a position that counts from an element of the page.
func entry(b []byte, element int, position, size uint32) ([]byte, error) {
	from := uint64(element) + uint64(position)
	if from < pageHeader || from+uint64(size) > uint64(len(b)) {
		return nil, fmt.Errorf("%w: it lies outside", errEntry)
	}
	return b[from : from+uint64(size)], nil
}

// elements answers how many elements a page has.
func elements(b []byte) (int, error) {
	n := int(binary.NativeEndian.Uint16(b[10:]))
	if pageHeader+n*elementSize > len(b) {
		return 0, fmt.Errorf("%w: %d do not fit", errEntry, n)
	}
	return n, nil
}

// follows checks that a key comes after the last one, or for the first of a page not before low, and before high.
func follows(key, last, low, high []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: its key is empty", errEntry)
	case last != nil && bytes.Compare(last, key) >= 0, last == nil && bytes.Compare(low, key) > 0, high != nil && bytes.Compare(key, high) >= 0:
		return fmt.Errorf("%w: its key is out of order", errEntry)
	}
	return nil
}

func (x *examiner) branch(b, low, high []byte, depth int) error {
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
	return x.children(pages, keys, depth+1)
}

// children examines the pages below a branch, which lie between its keys: those that are branches themselves beside each other
// as far as there are processors.
func (x *examiner) children(pages []uint64, keys [][]byte, depth int) error {
	errs := make([]error, len(pages))
	var group sync.WaitGroup
	defer group.Wait() // also when a page has gone away: the bytes belong to the caller
	for i, id := range pages {
		walk := func() { errs[i] = x.page(id, keys[i], keys[i+1], depth) }
		if !x.isBranch(id) {
			walk()
			continue
		}
		select {
		case x.idle <- struct{}{}:
			group.Go(func() {
				defer func() { <-x.idle }()
				if err := unlessChanged(func() error { walk(); return nil }); err != nil {
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

func (x *examiner) isBranch(id uint64) bool {
	return id < x.high && binary.NativeEndian.Uint16(x.data[id*x.pageSize+8:]) == flagBranch
}

func (x *examiner) leaf(b, low, high []byte, depth int) error {
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
		if len(value) == 0 { // every value begins with a tag or a number
			return fmt.Errorf("%w: it has no value", errEntry)
		}
		if flags == leafBucket {
			if err := x.bucket(value, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket examines a bucket that lies in a leaf: a number of a page, or a page itself.
func (x *examiner) bucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return fmt.Errorf("%w: a bucket of %d bytes", errEntry, len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return x.page(root, nil, nil, depth)
	}
	inline := value[bucketHead:]
	if len(inline) < pageHeader || binary.NativeEndian.Uint16(inline[8:]) != flagLeaf || depth > maxDepth {
		return fmt.Errorf("%w: a bucket without a page", errEntry)
	}
	return x.leaf(inline, nil, nil, depth)
}

// freelist examines the list of free pages, if the file has one: none of them may be in use.
func (x *examiner) freelist(id uint64) error {
	if id == noFreelist {
		return nil
	}
	b, err := x.take(id)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	n, list := uint64(order.Uint16(b[10:])), b[pageHeader:]
	if n == 0xFFFF { // then the first number says how many follow
		n, list = order.Uint64(list), list[8:]
	}
	if order.Uint16(b[8:]) != flagFreelist || n > uint64(len(list)/8) {
		return fmt.Errorf("page %d is no list of free pages", id)
	}
	for ; n > 0; n-- {
		free := order.Uint64(list)
		if list = list[8:]; free < 2 || free >= x.high || x.seen[free].Swap(true) {
			return fmt.Errorf("page %d is free and in use", free)
		}
	}
	return nil
}
