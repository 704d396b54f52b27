package api

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxCompressed is the number of bytes of a compressed body that are read. An operation's own limit is about the
// decompressed bytes.
const maxCompressed = 64 << 20

// EncodingError is the error of reading a body whose Content-Encoding is not gzip.
type EncodingError struct{ Encoding string }

func (e *EncodingError) Error() string {
	return fmt.Sprintf("the Content-Encoding %.80q is not supported; send the body as it is, or with gzip", e.Encoding)
}

// Decompress returns a handler that decompresses request bodies with the Content-Encoding gzip before it calls next,
// which reads them as if they had been sent without. Reading a body with another encoding fails with an *EncodingError.
func Decompress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if len(req.Header["Content-Encoding"]) > 0 && req.Body != nil && req.ContentLength != 0 {
			req = decompressed(req)
		}
		next.ServeHTTP(w, req)
	})
}

func decompressed(req *http.Request) *http.Request {
	encoding := strings.ToLower(strings.Join(req.Header.Values("Content-Encoding"), ", "))
	plain := req.WithContext(req.Context())
	switch encoding {
	case "", "identity":
		return req
	case "gzip", "x-gzip":
		plain.Body = &gzipBody{from: req.Body}
	default:
		plain.Body = failingBody{err: &EncodingError{Encoding: encoding}}
		return plain
	}
	plain.Header = req.Header.Clone()
	plain.Header.Del("Content-Encoding")
	plain.Header.Del("Content-Length")
	plain.ContentLength = -1
	return plain
}

// gzipBody is a decompressed body. Its first read reads the header of the compressed one.
type gzipBody struct {
	from   io.ReadCloser
	reader *gzip.Reader
}

func (b *gzipBody) Read(p []byte) (n int, err error) {
	if b.reader == nil {
		if b.reader, err = gzip.NewReader(io.LimitReader(b.from, maxCompressed)); err != nil {
			return 0, err
		}
	}
	return b.reader.Read(p)
}

func (b *gzipBody) Close() error { return b.from.Close() }

// failingBody is a body that cannot be read.
type failingBody struct{ err error }

func (b failingBody) Read([]byte) (int, error) { return 0, b.err }

func (b failingBody) Close() error { return nil }
