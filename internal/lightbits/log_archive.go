package lightbits

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ulikunitz/xz"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// logArchive writes one archive of logs. It holds one page of rows at a time: long lists become several files, and each
// page is read in a transaction of its own.
type logArchive struct {
	service *Service
	options fetchLogsRequest
	at      time.Time // of the request
	since   time.Time // of the oldest events to collect
	root    string    // the directory of all files

	view  api.View
	tar   *tar.Writer
	notes bytes.Buffer // collect.log
}

// write writes the archive; it is the Write of an api.Stream.
func (a *logArchive) write(w io.Writer, view api.View) error {
	packed, err := a.pack(w)
	if err != nil {
		return err
	}
	a.view, a.tar = view, tar.NewWriter(packed)
	if err := a.collect(); err != nil {
		return err
	}
	if err := a.file("collect.log", a.notes.Bytes()); err != nil {
		return err
	}
	if err := a.tar.Close(); err != nil {
		return err
	}
	return packed.Close()
}

// xzWindow is the size of the xz dictionary in bytes; the encoder uses a few times that.
const xzWindow = 1 << 20

// pack returns the compressing writer that the options ask for.
func (a *logArchive) pack(w io.Writer) (io.WriteCloser, error) {
	switch {
	case a.options.DontCompressOutput:
		return unpacked{w}, nil
	case a.options.UseHighCompression:
		return xz.WriterConfig{DictCap: xzWindow}.NewWriter(w)
	}
	return gzip.NewWriter(w), nil
}

type unpacked struct{ io.Writer }

func (unpacked) Close() error { return nil }

// file adds a file, with the time of the request.
func (a *logArchive) file(name string, text []byte) error {
	if err := a.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: a.root + "/" + name, Mode: 0o644, Size: int64(len(text)),
		ModTime: a.at.Truncate(time.Second),
	}); err != nil {
		return err
	}
	_, err := a.tar.Write(text)
	return err
}

// note adds a line to collect.log.
func (a *logArchive) note(format string, args ...any) {
	fmt.Fprintf(&a.notes, format+"\n", args...)
}

// ran adds a collecting command to collect.log, with its priority (option IoNice).
func (a *logArchive) ran(command string) {
	if a.options.IoNice {
		command = "nice -n 19 " + command
	}
	a.note("ionice -c 2 -n 7 %s", command)
}

const (
	pageLines = 1000    // lines in a file
	pageBytes = 1 << 20 // approximate size of a file
	pageScan  = 1000    // rows read in one transaction
)

// page is the file that is being written.
type page struct {
	text  []byte
	lines int
	seen  int    // rows read in this transaction
	last  string // key of the last row
}

// add appends a line and reports whether there is room for another.
func (p *page) add(key string, line []byte) bool {
	p.text = append(append(p.text, line...), '\n')
	p.lines++
	return p.skip(key) && p.lines < pageLines && len(p.text) < pageBytes
}

// skip skips a row and reports whether the transaction may continue.
func (p *page) skip(key string) bool {
	p.last = key
	p.seen++
	return p.seen < pageScan
}

// rows passes the rows after a key, in order, to add or skip, until one of them returns false. It reports whether it
// reached the end.
type rows func(tx *store.Tx, after string, p *page) (end bool, err error)

// lines writes the rows as files name.ext, name.1.ext and so on. It writes the first one even if it is empty.
func (a *logArchive) lines(name, ext string, read rows) error {
	var p page
	for n := 0; ; n++ {
		end, err := a.fill(&p, read)
		if err != nil {
			return err
		}
		if n > 0 && p.lines == 0 {
			return nil
		}
		file := name + ext
		if n > 0 {
			file = fmt.Sprintf("%s.%d%s", name, n, ext)
		}
		if err := a.file(file, p.text); err != nil || end {
			return err
		}
		p.text, p.lines = p.text[:0], 0
	}
}

// fill reads rows until the page is full or there are no more.
func (a *logArchive) fill(p *page, read rows) (end bool, err error) {
	for !end && p.lines < pageLines && len(p.text) < pageBytes {
		before := *p
		err := a.view(func(tx *store.Tx) (err error) {
			*p = before
			p.seen = 0
			end, err = read(tx, before.last, p)
			return err
		})
		if err != nil {
			return end, err
		}
	}
	return end, nil
}

// once writes a file whose content is read in one transaction.
func (a *logArchive) once(name string, make func(tx *store.Tx) ([]byte, error)) error {
	var text []byte
	if err := a.view(func(tx *store.Tx) (err error) {
		text, err = make(tx)
		return err
	}); err != nil {
		return errors.Join(errors.New(name), err)
	}
	return a.file(name, text)
}
