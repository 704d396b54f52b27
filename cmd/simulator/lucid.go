package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"storagesim/internal/api"
)

// lucidName is the name of the subcommand. A binary with this name is only the LucidLink client.
const lucidName = "lucid"

// asLucid reports whether a program of that name is the LucidLink client.
func asLucid(program string) bool {
	return strings.TrimSuffix(filepath.Base(program), ".exe") == lucidName
}

// arguments returns the command line without the program's name. The name lucid is a subcommand too.
func arguments() []string {
	if asLucid(os.Args[0]) {
		return append([]string{lucidName}, os.Args[1:]...)
	}
	return os.Args[1:]
}

// lucidClient is one call of LucidLink's command-line client: a thin client of the daemon's REST service, which the
// simulator serves (facts/dms-lucidlink-lucidity.md 1.4).
type lucidClient struct {
	ctx    context.Context
	base   string // http://host:port
	query  url.Values
	world  string
	given  map[string]string // the values of the flags by name; "" for a flag without a value
	stdout io.Writer
}

// usageError is an error in the command line.
type usageError struct{ detail string }

func (e *usageError) Error() string { return e.detail }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// lucid runs a command of the client. The exit code is 0 for a success, 1 if the daemon refuses the command or does not
// respond, and 2 if the command line is wrong. An error is one line on stderr (assumption 171).
func lucid(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	err := runLucid(ctx, args, getenv, stdout)
	if err == nil {
		return exitGood
	}
	say(stderr, lucidName+": "+strings.ReplaceAll(err.Error(), "\n", "; ")+"\n")
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitError
}

func runLucid(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	s := defaults()
	if err := parse(s, askOptions[:], nil, getenv); err != nil {
		return usagef("%v", err)
	}
	line, err := parseLucid(args)
	switch {
	case err != nil:
		return err
	case line.command == nil:
		say(stdout, lucidHelp())
		return nil
	case line.help:
		say(stdout, line.command.help())
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c := &lucidClient{ctx: ctx, base: s.base(), query: url.Values{}, world: getenv("SIM_WORLD"), given: line.given,
		stdout: stdout}
	c.choose(line.given)
	return line.command.run(c)
}

// lucidLine is a parsed command line.
type lucidLine struct {
	command *lucidCommand // nil: the help of the program
	help    bool          // of the command
	given   map[string]string
}

// parseLucid parses a command line. The general flags may stand before and after the command. --help and -h anywhere,
// and the command help, ask for help; --version is the command version.
func parseLucid(args []string) (line lucidLine, err error) {
	line.given = map[string]string{}
	before := append([]lucidFlag{{"version", noValue, ""}}, generalFlags[:]...)
	args, err = parseFlags(before, args, line.given)
	if errors.Is(err, errHelp) || err == nil && len(args) == 0 && !has(line.given, "version") {
		return lucidLine{}, nil
	}
	if err != nil {
		return line, err
	}
	if has(line.given, "version") {
		args = append([]string{"version"}, args...)
	}
	name, args := args[0], args[1:]
	if name == "help" {
		if len(args) == 0 {
			return lucidLine{}, nil
		}
		name, args, line.help = args[0], nil, true
	}
	if line.command, err = findLucidCommand(name); err != nil {
		return line, err
	}
	rest, err := parseFlags(slices.Concat(line.command.flags, generalFlags[:]), args, line.given)
	switch {
	case errors.Is(err, errHelp):
		line.help, err = true, nil
	case err != nil:
	case len(rest) > 0:
		err = usagef("%s: unexpected argument %q; %s", line.command.name, rest[0], line.command.takes())
	case has(line.given, "id") && has(line.given, "instance"):
		err = usagef("--id and --instance mean the same; use one of them")
	}
	return line, err
}

func has(given map[string]string, flag string) bool {
	_, ok := given[flag]
	return ok
}

// choose selects the daemon by the general flags.
func (c *lucidClient) choose(given map[string]string) {
	for name, value := range given {
		switch name {
		case "rest-endpoint":
			c.base = "http://" + strings.TrimSuffix(strings.TrimPrefix(value, "http://"), "/")
		case "name":
			c.query.Set("name", value)
		case "id", "instance":
			c.query.Set("instance", value)
		}
	}
}

// flagKind is what may follow a flag.
type flagKind int

const (
	noValue   flagKind = iota // nothing
	oneValue                  // one argument
	someWords                 // all arguments up to the next flag, or none
)

// lucidFlag is a flag of a command: --name value or --name=value.
type lucidFlag struct {
	name string
	kind flagKind
	form string // the form of the value in the help text
}

// generalFlags select the daemon.
var generalFlags = [...]lucidFlag{
	{"rest-endpoint", oneValue, "ip:port"}, {"id", oneValue, "id"}, {"instance", oneValue, "id"}, {"name", oneValue, "fs"},
}

// errHelp is returned by parseFlags for --help or -h in the place of a flag.
var errHelp = errors.New("help was requested")

// parseFlags parses flags into given, up to the first argument that is neither a flag nor a value of one.
func parseFlags(flags []lucidFlag, args []string, given map[string]string) (rest []string, err error) {
	for len(args) > 0 && (strings.HasPrefix(args[0], "--") || args[0] == "-h") {
		name, value, assigned := strings.Cut(strings.TrimPrefix(args[0], "--"), "=")
		args = args[1:]
		if name == "help" || name == "-h" {
			return nil, errHelp
		}
		at := slices.IndexFunc(flags, func(f lucidFlag) bool { return f.name == name })
		if at < 0 {
			return nil, usagef("unknown flag --%s; the flags are: %s", name, flagList(flags))
		}
		if has(given, name) {
			return nil, usagef("--%s is given twice", name)
		}
		switch flags[at].kind {
		case noValue:
			if assigned {
				return nil, usagef("--%s takes no value", name)
			}
		case oneValue:
			if !assigned {
				if len(args) == 0 || strings.HasPrefix(args[0], "--") {
					return nil, usagef("--%s needs a value: --%s <%s>", name, name, flags[at].form)
				}
				value, args = args[0], args[1:]
			}
			if value == "" {
				return nil, usagef("--%s must not be empty", name)
			}
		case someWords:
			for !assigned && len(args) > 0 && !strings.HasPrefix(args[0], "--") {
				value, args = strings.TrimSpace(value+" "+args[0]), args[1:]
			}
		}
		given[name] = value
	}
	return args, nil
}

func flagList(flags []lucidFlag) string {
	names := make([]string, len(flags))
	for i := range flags {
		names[i] = "--" + flags[i].name
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

// has reports whether a flag was given.
func (c *lucidClient) has(flag string) bool { return has(c.given, flag) }

// needs returns a usage error if one of the flags is missing.
func (c *lucidClient) needs(flags ...string) error {
	for _, flag := range flags {
		if !c.has(flag) {
			return usagef("--%s is missing", flag)
		}
	}
	return nil
}

// only returns the name of the flag that was given, or preset if none was. At most one of the flags is allowed.
func (c *lucidClient) only(preset string, flags ...string) (string, error) {
	found := ""
	for _, flag := range flags {
		if !c.has(flag) {
			continue
		}
		if found != "" {
			return "", usagef("--%s and --%s exclude each other", found, flag)
		}
		found = flag
	}
	if found == "" {
		return preset, nil
	}
	return found, nil
}

func (c *lucidClient) print(format string, args ...any) { say(c.stdout, fmt.Sprintf(format, args...)) }

// maxResponse is how much of a response is read, in bytes.
const maxResponse = 64 << 20

// call sends a request and decodes the body of the response into response, which may be nil. If the daemon refuses the
// request, the error has the daemon's message.
func (c *lucidClient) call(method, path string, request, response any) error {
	var body io.Reader
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	target := c.base + path
	if len(c.query) > 0 {
		target += "?" + c.query.Encode()
	}
	req, err := http.NewRequestWithContext(c.ctx, method, target, body)
	if err != nil {
		return usagef("%s is not the address of a daemon: %v", c.base, err)
	}
	if request != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.world != "" {
		req.Header.Set(api.HeaderWorld, c.world)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the daemon at %s does not respond: %w", c.base, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("cannot read the daemon's response: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		var refused struct {
			Message, Detail string
		}
		if json.Unmarshal(text, &refused) != nil || refused.Message+refused.Detail == "" {
			return fmt.Errorf("%s returned %s", target, resp.Status)
		}
		return errors.New(refused.Message + refused.Detail)
	}
	if response == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, response); err != nil {
		return fmt.Errorf("the response of %s is not that of a daemon: %w", target, err)
	}
	return nil
}
