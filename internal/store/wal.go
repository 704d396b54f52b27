package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A commit is appended to a log before anybody hears of it; the tree in the file receives it later, with many others (see
// flush.go). A log is the file beside the database that is called <database>.log.<number>. It begins with walMagic, its
// number and the transaction of the tree that it goes on from, and a checksum of these. Then come records, one for each
// commit: length and checksum of what follows, and a checksum of these two; then, for each transaction in it, the layer,
// the number of entries, and each entry as a key and a tagged value behind their lengths.
//
// A process that is killed while it appends leaves a record that is cut off: nobody was told of that commit, and it counts for
// nothing. A power loss may leave zeros instead. Anything else that does not fit its checksum is damage.

const (
	walMagic  = "storagesim log\n\x01"
	walHead   = len(walMagic) + 8 + 8 + 4
	walRecord = 4 + 4 + 4
)

// wal is a log that is being written.
type wal struct {
	file *os.File
	size int64 // of what is whole
	sync bool
	max  int64 // bytes that it may have; 0: any number
}

// walName is the path of a database's log.
func walName(path string, number uint64) string {
	return path + ".log." + strconv.FormatUint(number, 10)
}

// newWAL makes a log. With sync, what append has written survives a power loss, and the log itself does from here on.
func newWAL(path string, number, tree uint64, sync bool, max int64) (_ *wal, err error) {
	f, err := os.OpenFile(walName(path, number), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	w := &wal{file: f, sync: sync, max: max}
	head := binary.BigEndian.AppendUint64([]byte(walMagic), number)
	head = binary.BigEndian.AppendUint64(head, tree)
	if err := w.append(sealed(head)); err != nil {
		return nil, errors.Join(err, w.remove())
	}
	if sync {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return nil, errors.Join(err, w.remove())
		}
	}
	return w, nil
}

// sealed appends the checksum of b.
func sealed(b []byte) []byte { return binary.BigEndian.AppendUint32(b, checksum(b)) }

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// newRecord begins a record in buf, which the caller fills and hands to commit.
func newRecord(buf []byte) []byte { return append(buf[:0], make([]byte, walRecord)...) }

// commit appends a record.
func (w *wal) commit(record []byte) error {
	body := record[walRecord:]
	if len(body) > math.MaxUint32 {
		return fmt.Errorf("a commit of %d bytes, %d are possible", len(body), uint32(math.MaxUint32))
	}
	binary.BigEndian.PutUint32(record, uint32(len(body)))
	binary.BigEndian.PutUint32(record[4:], checksum(body))
	binary.BigEndian.PutUint32(record[8:], checksum(record[:8]))
	return w.append(record)
}

// append writes all of b or, if that fails, nothing.
func (w *wal) append(b []byte) (err error) {
	if w.max > 0 && w.size+int64(len(b)) > w.max {
		return fmt.Errorf("%s: larger than %d bytes", w.file.Name(), w.max)
	}
	if _, err = w.file.WriteAt(b, w.size); err == nil && w.sync {
		err = w.file.Sync()
	}
	if err != nil {
		return errors.Join(err, w.file.Truncate(w.size))
	}
	w.size += int64(len(b))
	return nil
}

func (w *wal) remove() error {
	return errors.Join(w.file.Close(), os.Remove(w.file.Name()))
}

// appendWrites adds the entries of a transaction to a record.
func appendWrites(record []byte, layer uint64, o *overlay) []byte {
	record = binary.AppendUvarint(record, layer)
	record = binary.AppendUvarint(record, uint64(o.count))
	for n := o.first(); n != nil; n = n.next[0] {
		record = append(binary.AppendUvarint(record, uint64(len(n.key))), n.key...)
		record = append(binary.AppendUvarint(record, uint64(len(n.value))), n.value...)
	}
	return record
}

// walFile is a log that somebody has left.
type walFile struct {
	name         string
	number, tree uint64
	records      []byte // without what was cut off
}

// errWAL is why a log cannot be read.
var errWAL = errors.New("damaged log")

// readWALs reads the logs that lie beside a database, in their order. Logs whose number is at most applied are in the tree
// already: they are skipped, whatever they hold, and their names answered.
func readWALs(path string, applied uint64) (list []walFile, old []string, err error) {
	names, err := filepath.Glob(globSafe(path) + ".log.*")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		number, err := strconv.ParseUint(strings.TrimPrefix(name, path+".log."), 10, 64)
		switch {
		case err != nil:
			continue // not ours
		case number <= applied:
			old = append(old, name)
			continue
		}
		list = append(list, walFile{name: name, number: number})
	}
	slices.SortFunc(list, func(a, b walFile) int { return int(int64(a.number - b.number)) })
	for i := range list {
		if err := list[i].read(i == len(list)-1); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", list[i].name, err)
		}
	}
	return list, old, nil
}

// globSafe is the path as a pattern that matches only it.
func globSafe(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// read checks every record. Only the last log may be cut off.
func (f *walFile) read(last bool) error {
	b, err := os.ReadFile(f.name)
	if err != nil {
		return err
	}
	if len(b) < walHead {
		if last {
			return nil // nothing was ever committed to it
		}
		return fmt.Errorf("%w: cut off", errWAL)
	}
	head, rest := b[:walHead], b[walHead:]
	if !bytes.Equal(sealed(bytes.Clone(head[:walHead-4])), head) || string(head[:len(walMagic)]) != walMagic ||
		binary.BigEndian.Uint64(head[len(walMagic):]) != f.number {
		return fmt.Errorf("%w: its first bytes are not those of log %d", errWAL, f.number)
	}
	f.tree = binary.BigEndian.Uint64(head[len(walMagic)+8:])
	f.records = rest
	for at := 0; at < len(rest); {
		body, err := cutRecord(rest[at:])
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && last:
			f.records = rest[:at]
			return nil
		case err != nil:
			return fmt.Errorf("%w: at byte %d: %w", errWAL, walHead+at, err)
		}
		at += walRecord + len(body)
	}
	return nil
}

// cutRecord answers what the first record of b holds; io.ErrUnexpectedEOF if there is only the beginning of one, or zeros.
func cutRecord(b []byte) (body []byte, err error) {
	if len(b) < walRecord || len(bytes.TrimLeft(b, "\x00")) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if checksum(b[:8]) != binary.BigEndian.Uint32(b[8:]) {
		return nil, errors.New("the record's length does not fit its checksum")
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-walRecord) {
		return nil, io.ErrUnexpectedEOF
	}
	body = b[walRecord : walRecord+int(n)]
	if checksum(body) != binary.BigEndian.Uint32(b[4:]) {
		return nil, errors.New("the record does not fit its checksum")
	}
	return body, nil
}

// each calls fn with every entry, in the order of commits. It must have been read.
func (f *walFile) each(fn func(commit, layer uint64, key, value []byte) error) error {
	for rest, commit := f.records, uint64(1); len(rest) > 0; commit++ {
		body, err := cutRecord(rest)
		if err != nil {
			return err
		}
		rest = rest[walRecord+len(body):]
		for r := (pieces{b: body}); len(r.b) > 0; {
			layer := r.number()
			for n := r.number(); n > 0 && !r.bad; n-- {
				key, value := r.piece(), r.piece()
				if len(key) == 0 || len(value) == 0 || value[0] > tagRow {
					r.bad = true
					break
				}
				if err := fn(commit, layer, key, value); err != nil {
					return err
				}
			}
			if r.bad {
				return fmt.Errorf("%s: %w: a record with an intact checksum is none", f.name, errWAL)
			}
		}
	}
	return nil
}

// pieces takes numbers and byte strings off the front of b; bad is set when there are none.
type pieces struct {
	b   []byte
	bad bool
}

func (p *pieces) number() uint64 {
	n, w := binary.Uvarint(p.b)
	if w <= 0 {
		p.bad, p.b = true, nil
		return 0
	}
	p.b = p.b[w:]
	return n
}

func (p *pieces) piece() []byte {
	n := p.number()
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	piece := p.b[:n:n]
	p.b = p.b[n:]
	return piece
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
