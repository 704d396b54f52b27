package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"storagesim/internal/nearest"
)

// lucidCommand is a command of the client, with the flags that the vendor documents (seeds/001,
// facts/dms-lucidlink-lucidity.md 1.4).
type lucidCommand struct {
	name  string
	doc   string
	flags []lucidFlag
	run   func(c *lucidClient) error
}

var lucidCommands = [...]lucidCommand{
	{"init-s3", "initializes a provisioned filespace", []lucidFlag{
		{"fs", oneValue, "filespace.domain"}, {"password", oneValue, "password of root"}, {"https", noValue, ""},
		{"endpoint", oneValue, "ipaddress_or_url:port"}, {"access-key", oneValue, "key"}, {"secret-key", oneValue, "key"},
		{"region", oneValue, "region"}, {"block-size", oneValue, "KiB"}, {"provider", oneValue, "vendor"},
		{"bucket-name", oneValue, "bucket"}}, lucidInitS3},
	{"link", "links to a filespace and mounts it", []lucidFlag{
		{"fs", oneValue, "filespace.domain"}, {"user", oneValue, "name"}, {"password", oneValue, "password"},
		{"mount-point", oneValue, "path"}, {"root-path", oneValue, "path"}}, lucidLink},
	{"unlink", "unmounts and unlinks", nil, lucidUnlink},
	{"mount", "mounts the linked filespace", []lucidFlag{{"mount-point", oneValue, "path"}}, lucidMount},
	{"unmount", "unmounts the linked filespace", nil, lucidUnmount},
	{"status", "shows which filespace is linked", nil, lucidStatus},
	{"list", "lists the linked filespaces", nil, lucidList},
	{"user", "lists and manages users", []lucidFlag{
		{"list", noValue, ""}, {"create", oneValue, "name"}, {"delete", oneValue, "name"}, {"set", oneValue, "name"},
		{"get", someWords, "name"}, {"password", oneValue, "password of root"}, {"user-password", oneValue, "password"},
		{"user-email", oneValue, "address"}}, lucidUser},
	{"snapshot", "lists and manages snapshots", []lucidFlag{
		{"list", noValue, ""}, {"create", someWords, "name"}, {"delete", oneValue, "id"},
		{"password", oneValue, "password of root"}}, lucidSnapshot},
	{"cache", "shows and sets the cache", []lucidFlag{
		{"on", noValue, ""}, {"off", noValue, ""}, {"size", oneValue, "MiB"}}, lucidCache},
	{"sync", "waits until all data is in the object storage", nil, lucidSync},
	{"version", "prints the version", nil, lucidVersion},
}

func lucidNames() []string {
	names := make([]string, len(lucidCommands), len(lucidCommands)+1)
	for i := range lucidCommands {
		names[i] = lucidCommands[i].name
	}
	return append(names, "help")
}

// takes lists the flags of a command.
func (command *lucidCommand) takes() string {
	return "the flags are: " + flagList(command.flags)
}

// help is the help of one command.
func (command *lucidCommand) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: lucid [general options] %s [options]\n\n%s: %s\n", command.name, command.name, command.doc)
	writeFlags(&b, command.flags)
	b.WriteString("\nGeneral options:\n")
	writeFlags(&b, generalFlags[:])
	return b.String()
}

// findLucidCommand returns the command of that name, or a usage error.
func findLucidCommand(name string) (*lucidCommand, error) {
	for i := range lucidCommands {
		if lucidCommands[i].name == name {
			return &lucidCommands[i], nil
		}
	}
	return nil, usagef("unknown command %q%s; the commands are %s", name, nearest.Hint(name, lucidNames()),
		strings.Join(lucidNames(), ", "))
}

func lucidHelp() string {
	var b strings.Builder
	b.WriteString("usage: lucid [general options] command [options]\n\nGeneral options:\n")
	writeFlags(&b, generalFlags[:])
	b.WriteString("\nWithout --rest-endpoint, SIM_URL or SIM_LISTEN has the address of the daemon. " +
		"SIM_WORLD is the name of the world.\n")
	for i := range lucidCommands {
		command := &lucidCommands[i]
		fmt.Fprintf(&b, "\n%s: %s\n", command.name, command.doc)
		writeFlags(&b, command.flags)
	}
	return b.String()
}

func writeFlags(b *strings.Builder, flags []lucidFlag) {
	for _, f := range flags {
		switch f.kind {
		case noValue:
			fmt.Fprintf(b, "  --%s\n", f.name)
		case someWords:
			fmt.Fprintf(b, "  --%s [%s]\n", f.name, f.form)
		case oneValue:
			fmt.Fprintf(b, "  --%s <%s>\n", f.name, f.form)
		}
	}
}

// filespaceLink is the daemon's response about a filespace.
type filespaceLink struct {
	Filespace  string `json:"filespace"`
	MountPoint string `json:"mountPoint"`
}

// number returns the value of a flag as a whole number, or nil if the flag was not given.
func (c *lucidClient) number(flag string) (*int64, error) {
	if !c.has(flag) {
		return nil, nil
	}
	n, err := strconv.ParseInt(c.given[flag], 10, 64)
	if err != nil {
		return nil, usagef("--%s %q must be a whole number", flag, c.given[flag])
	}
	return &n, nil
}

func lucidInitS3(c *lucidClient) error {
	if err := c.needs("fs", "password", "access-key", "secret-key"); err != nil {
		return err
	}
	request := map[string]any{
		"fs": c.given["fs"], "password": c.given["password"], "https": c.has("https"), "endpoint": c.given["endpoint"],
		"accessKey": c.given["access-key"], "secretKey": c.given["secret-key"], "region": c.given["region"],
		"provider": c.given["provider"], "bucketName": c.given["bucket-name"],
	}
	size, err := c.number("block-size")
	if err != nil {
		return err
	}
	if size != nil {
		request["blockSize"] = *size
	}
	var response filespaceLink
	if err := c.call(http.MethodPost, "/app/init-s3", request, &response); err != nil {
		return err
	}
	c.print("Filespace '%s' initialized successfully.\n", response.Filespace)
	return nil
}

func lucidLink(c *lucidClient) error {
	if err := c.needs("fs", "user", "password"); err != nil {
		return err
	}
	var response filespaceLink
	err := c.call(http.MethodPost, "/app/link", map[string]any{
		"fs": c.given["fs"], "user": c.given["user"], "password": c.given["password"],
		"mountPoint": c.given["mount-point"], "rootPath": c.given["root-path"],
	}, &response)
	if err != nil {
		return err
	}
	c.print("Linked to '%s' at %s.\n", response.Filespace, response.MountPoint)
	return nil
}

func lucidUnlink(c *lucidClient) error {
	if err := c.call(http.MethodPost, "/app/unlink", nil, nil); err != nil {
		return err
	}
	c.print("Unlinked.\n")
	return nil
}

func lucidMount(c *lucidClient) error {
	var response filespaceLink
	if err := c.call(http.MethodPost, "/app/mount", map[string]any{"mountPoint": c.given["mount-point"]},
		&response); err != nil {
		return err
	}
	c.print("Mounted '%s' at %s.\n", response.Filespace, response.MountPoint)
	return nil
}

func lucidUnmount(c *lucidClient) error {
	if err := c.call(http.MethodPost, "/app/unmount", nil, nil); err != nil {
		return err
	}
	c.print("Unmounted.\n")
	return nil
}

func lucidStatus(c *lucidClient) error {
	var response struct {
		ClientState struct{ State string } `json:"clientState"`
		MountPoint  *string                `json:"mountPoint"`
		FileSystem  struct{ Name string }  `json:"fileSystem"`
		User        string                 `json:"user"`
	}
	if err := c.call(http.MethodGet, "/app/status", nil, &response); err != nil {
		return err
	}
	c.print("Client state: %s\n", response.ClientState.State)
	if response.FileSystem.Name == "" {
		return nil
	}
	mount := "not mounted"
	if response.MountPoint != nil {
		mount = *response.MountPoint
	}
	c.print("Filespace name: %s\nUser: %s\nMount point: %s\n", response.FileSystem.Name, response.User, mount)
	return nil
}

func lucidList(c *lucidClient) error {
	var response []struct{ ID, Filespace, Mode string }
	if err := c.call(http.MethodGet, "/app/instances", nil, &response); err != nil {
		return err
	}
	port := ""
	if u, err := url.Parse(c.base); err == nil {
		port = u.Port()
	}
	c.print("%-14s%-32s%-8s%s\n", "INSTANCE ID", "FILESPACE", "PORT", "MODE")
	for _, i := range response {
		c.print("%-14s%-32s%-8s%s\n", i.ID, i.Filespace, port, i.Mode)
	}
	return nil
}

// daemonUser is a user in a response of the daemon.
type daemonUser struct{ Name, Email string }

func lucidUser(c *lucidClient) error {
	what, err := c.only("list", "list", "create", "delete", "set", "get")
	if err != nil {
		return err
	}
	request := map[string]any{"password": c.given["password"]}
	for flag, member := range map[string]string{"user-password": "userPassword", "user-email": "userEmail"} {
		if c.has(flag) {
			request[member] = c.given[flag]
		}
	}
	name := c.given[what]
	path := "/app/users/" + url.PathEscape(name)
	switch what {
	case "list":
		return listUsers(c)
	case "get":
		return getUser(c, name)
	case "create":
		request["name"] = name
		err = c.needPassword(http.MethodPost, "/app/users", request)
	case "set":
		err = c.needPassword(http.MethodPatch, path, request)
	case "delete":
		err = c.needPassword(http.MethodDelete, path, request)
	}
	if err == nil {
		c.print("User '%s' %s successfully.\n", name,
			map[string]string{"create": "created", "set": "updated", "delete": "deleted"}[what])
	}
	return err
}

// needPassword makes a call that needs the password of root.
func (c *lucidClient) needPassword(method, path string, request any) error {
	if err := c.needs("password"); err != nil {
		return err
	}
	return c.call(method, path, request, nil)
}

func listUsers(c *lucidClient) error {
	var users []daemonUser
	if err := c.call(http.MethodGet, "/app/users", nil, &users); err != nil {
		return err
	}
	c.print("%-32s%s\n", "USERNAME", "E-MAIL")
	for _, u := range users {
		c.print("%s\n", strings.TrimRight(fmt.Sprintf("%-32s%s", u.Name, u.Email), " "))
	}
	return nil
}

// getUser prints a user. Without a name, it prints the user of the link.
func getUser(c *lucidClient, name string) error {
	if name == "" {
		var status struct{ User string }
		if err := c.call(http.MethodGet, "/app/status", nil, &status); err != nil {
			return err
		}
		name = status.User
		if name == "" {
			return fmt.Errorf("the daemon is not linked to a filespace")
		}
	}
	var u daemonUser
	if err := c.call(http.MethodGet, "/app/users/"+url.PathEscape(name), nil, &u); err != nil {
		return err
	}
	c.print("Username: %s\nE-mail: %s\n", u.Name, u.Email)
	return nil
}

// daemonSnapshot is a snapshot in a response of the daemon.
type daemonSnapshot struct {
	ID                   int64
	State, Name, Created string
}

func lucidSnapshot(c *lucidClient) error {
	what, err := c.only("list", "list", "create", "delete")
	if err != nil {
		return err
	}
	switch what {
	case "create":
		if err := c.needs("password"); err != nil {
			return err
		}
		var snap daemonSnapshot
		request := map[string]any{"name": c.given["create"], "password": c.given["password"]}
		if err := c.call(http.MethodPost, "/app/snapshots", request, &snap); err != nil {
			return err
		}
		c.print("Snapshot with ID %d created.\n", snap.ID)
	case "delete":
		request := map[string]any{"password": c.given["password"]}
		if err := c.needPassword(http.MethodDelete, "/app/snapshots/"+url.PathEscape(c.given["delete"]),
			request); err != nil {
			return err
		}
		c.print("Snapshot with ID %s deleted.\n", c.given["delete"])
	default:
		var list []daemonSnapshot
		if err := c.call(http.MethodGet, "/app/snapshots", nil, &list); err != nil {
			return err
		}
		c.print("%-8s%-12s%-42s%s\n", "ID", "STATE", "NAME", "CREATED ON")
		for _, snap := range list {
			c.print("%-8d%-12s%-42s%s\n", snap.ID, snap.State, snap.Name, snap.Created)
		}
	}
	return nil
}

func lucidCache(c *lucidClient) error {
	what, err := c.only("", "on", "off")
	if err != nil {
		return err
	}
	if what == "off" && c.has("size") {
		return usagef("--off and --size exclude each other")
	}
	size, err := c.number("size")
	if err != nil {
		return err
	}
	request := map[string]any{}
	if what != "" {
		request["enabled"] = what == "on"
	}
	if size != nil {
		request["sizeMiB"] = *size
	}
	var response struct {
		Enabled               bool
		SizeMiB               int64
		UsedBytes, DirtyBytes uint64
	}
	if len(request) == 0 {
		err = c.call(http.MethodGet, "/cache/info", nil, &response)
	} else {
		err = c.call(http.MethodPut, "/cache/config", request, &response)
	}
	if err != nil {
		return err
	}
	state := "off"
	if response.Enabled {
		state = "on"
	}
	c.print("Cache: %s\nSize: %d MiB\nUsed: %d bytes\nDirty: %d bytes\n", state, response.SizeMiB, response.UsedBytes,
		response.DirtyBytes)
	return nil
}

func lucidSync(c *lucidClient) error {
	if err := c.call(http.MethodPut, "/app/sync", nil, nil); err != nil {
		return err
	}
	c.print("Synchronized.\n")
	return nil
}

func lucidVersion(c *lucidClient) error {
	c.print("lucid of storagesim %s\n", version)
	return nil
}
