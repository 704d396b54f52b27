package lightbits

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConnectedHosts(t *testing.T) {
	s := newServer(t, withCluster(`
projects: [{name: tenant}]
volumes:
- {name: mine, acl: ["nqn.x:host:a"]}
- {name: any, acl: [ALLOW_ANY]}
- {name: none}
- {name: local, acl: [ALLOW_ANY], IPAcl: ["10.0.0.1", "fe80::1"]}
- {name: twice, acl: [ALLOW_ANY]}
- {name: twice, project: tenant, acl: [ALLOW_ANY]}`))
	connect := func(nqn, volume, ip string) error {
		_, err := s.action("connect-host", fmt.Sprintf(`{"hostNQN":%q,"volume":%q,"ip":%q}`, nqn, volume, ip))
		return err
	}
	v := s.volumes(defaultProject)
	s.run("connect", func(t *testing.T) {
		require.NoError(t, connect("nqn.x:host:a", "mine", ""))
		require.NoError(t, connect("nqn.x:host:a", v["any"].UUID, "10.0.0.7"))
		require.NoError(t, connect("nqn.x:host:b", "any", ""))
		require.NoError(t, connect("nqn.x:host:b", "any", ""), "connecting again changes nothing")
	})
	s.run("refuses", func(t *testing.T) {
		for _, c := range []struct{ nqn, volume, ip, want string }{
			{"nqn.x:host:b", "mine", "", "host nqn.x:host:b is not in the acl of volume mine: nqn.x:host:a"},
			{"nqn.x:host:a", "none", "", "is not in the acl of volume none: ALLOW_NONE"},
			{"nqn.x:host:a", "local", "10.0.0.2",
				`address "10.0.0.2" is not in the IPAcl of volume local: 10.0.0.1, fe80::1`},
			{"nqn.x:host:a", "local", "", `address "" is not in the IPAcl`},
			{"nqn.x:host:a", "local", "here", "must be an IP address"},
			{"", "any", "", "hostNQN"},
			{"nqn.x:host:a", "nobody", "", "was not found"},
			{"nqn.x:host:a", "twice", "", "several projects"},
		} {
			require.ErrorContains(t, connect(c.nqn, c.volume, c.ip), c.want)
		}
	})
	s.run("same address in another form", func(t *testing.T) {
		require.NoError(t, connect("nqn.x:host:c", "local", "::ffff:10.0.0.1"))
	})
	var list struct{ ConnectedHosts []ConnectedHost }
	s.run("list", func(t *testing.T) {
		s.get("/api/v2/connectedHosts?hostNQN=ignored", &list)
		require.Len(t, list.ConnectedHosts, 3)
		require.Equal(t, "nqn.x:host:a", list.ConnectedHosts[0].HostNQN)
		require.Equal(t, "a", list.ConnectedHosts[0].Hostname)
		require.Equal(t, "10.0.0.7", list.ConnectedHosts[0].IPAddress)
		require.ElementsMatch(t, []string{v["mine"].UUID, v["any"].UUID}, list.ConnectedHosts[0].VolumeUUIDs)
		s.get("/api/v2/connectedHosts?volumeUUID="+v["mine"].UUID, &list)
		require.Len(t, list.ConnectedHosts, 1)
		s.get("/api/v2/connectedHosts/nqn.x:host:b", &list)
		for _, path := range []string{"?volumeUUID=00000000-0000-4000-8000-000000000000", "/nobody", "/"} {
			status, body := s.do(http.MethodGet, "/api/v2/connectedHosts"+path, admin, "")
			require.Equal(t, 404, status, body)
		}
	})
	s.run("volume keeps its ETag", func(t *testing.T) {
		now := s.volumes(defaultProject)
		require.Equal(t, []string{"nqn.x:host:a", "nqn.x:host:b"}, now["any"].ConnectedHosts)
		require.Equal(t, v["any"].ETag, now["any"].ETag)
	})
	s.run("disconnect", func(t *testing.T) {
		s.must("disconnect-host", `{"hostNQN":"nqn.x:host:b","volume":"any"}`)
		_, err := s.action("disconnect-host", `{"hostNQN":"nqn.x:host:b","volume":"any"}`)
		require.ErrorContains(t, err, "is not connected")
		status, _ := s.do(http.MethodGet, "/api/v2/connectedHosts/nqn.x:host:b", admin, "")
		require.Equal(t, 404, status, "a host without volumes is removed")
		require.Equal(t, []string{"nqn.x:host:a"}, s.volumes(defaultProject)["any"].ConnectedHosts)
	})
	s.run("deleted volumes lose their connections", func(t *testing.T) {
		status, body := s.do(http.MethodDelete, "/api/v2/projects/default/volumes/"+v["mine"].UUID, admin, "")
		require.Equal(t, 200, status, body)
		require.ErrorContains(t, connect("nqn.x:host:a", "mine", ""), "is Deleting")
		s.advance(time.Minute)
		var host ConnectedHost
		_, body = s.do(http.MethodGet, "/api/v2/connectedHosts/nqn.x:host:a", admin, "")
		require.NoError(t, json.Unmarshal([]byte(body), &host))
		require.Equal(t, []string{v["any"].UUID}, host.VolumeUUIDs)
		status, _ = s.do(http.MethodDelete, "/api/v2/projects/default/volumes/"+v["local"].UUID, admin, "")
		require.Equal(t, 200, status)
		s.advance(time.Minute)
		status, _ = s.do(http.MethodGet, "/api/v2/connectedHosts/nqn.x:host:c", admin, "")
		require.Equal(t, 404, status, "its only volume was deleted")
		list.ConnectedHosts = nil
		s.get("/api/v2/connectedHosts", &list)
		require.Len(t, list.ConnectedHosts, 1)
	})
	s.run("volume is not available", func(t *testing.T) {
		for _, node := range []string{"server00-0", "server01-0", "server02-0"} {
			s.must("fail-node", `{"node":"`+node+`"}`)
		}
		require.ErrorContains(t, connect("nqn.x:host:d", "any", ""), "NotAvailable")
	})
}
