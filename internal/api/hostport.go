package api

import (
	"net"
	"regexp"
	"strconv"
)

var hostForm = regexp.MustCompile(`^[A-Za-z0-9_:.%-]{1,255}$`)

// IsHostPort reports whether text has the form <host>:<port> with a port from 1 to 65535, such as 10.0.0.1:443 or
// foo.example.com:443. An IPv6 address must be in brackets.
func IsHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || !hostForm.MatchString(host) {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
