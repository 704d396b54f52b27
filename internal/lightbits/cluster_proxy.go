package lightbits

import (
	"net/url"

	"storagesim/internal/refusal"
)

// ProxyInfo is the proxy through which the cluster reaches services outside (spec message ProxyInfo). The simulator
// opens no connections, so the proxy is only stored and returned, including the password as in the definition.
type ProxyInfo struct {
	URL      string `json:"URL"`
	Username string `json:"Username"`
	Password string `json:"Password"`
}

// check refuses a URL that is not "http://<host>:<port>" (seeds/002 "Create an IdP configuration").
func (p *ProxyInfo) check() error {
	u, err := url.Parse(p.URL)
	if err != nil || len(p.URL) > maxURL || u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" ||
		u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return refusal.New(refusal.InvalidArgument, `proxyInfo.URL %q is not of the form "http://<host>:<port>"`, p.URL)
	}
	return nil
}
