package simtest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

// unpackers maps the content types of archives to functions that decompress them to a tar file.
var unpackers = map[string]func(io.Reader) (io.Reader, error){
	"application/gzip":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"application/x-xz":  func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) },
	"application/x-tar": func(r io.Reader) (io.Reader, error) { return r, nil },
}

// archived returns the names of the files in an archive. It reads each file to its end.
func (a Response) archived(unpack func(io.Reader) (io.Reader, error)) []string {
	a.tb.Helper()
	packed, err := unpack(strings.NewReader(a.Body))
	require.NoError(a.tb, err)
	var names []string
	for files := tar.NewReader(packed); ; {
		file, err := files.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(a.tb, err)
		_, err = io.Copy(io.Discard, files)
		require.NoError(a.tb, err)
		names = append(names, file.Name)
	}
}
