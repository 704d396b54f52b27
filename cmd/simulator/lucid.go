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

// lucidName is the subcommand, and the name under which the binary is nothing but the LucidLink client.
const lucidName = "lucid"

// asLucid says whether a program of that name is meant to be the LucidLink client.
func asLucid(program string) bool {
	return strings.TrimSuffix(filepath.Base(program), ".exe") == lucidName
}

// arguments are the command line without the program's name; a binary called lucid has its subcommand already.
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
	given  map[string]string // flags by name; "" where one has no value
	stdout io.Writer
}

// usageError says that the command line is wrong.
type usageError struct{ detail string }

func (e *usageError) Error() string { return e.detail }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// lucid runs a command of the client: exit code 0 when it is done, 1 when it was refused or nothing answers, 2 when the
// command line is wrong. Errors are one line on stderr (assumption 171).
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
	general, args, err := parseGeneral(args)
	if err != nil {
		return err
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		say(stdout, lucidHelp())
		return nil
	}
	at := slices.IndexFunc(lucidCommands[:], func(c lucidCommand) bool { return c.name == args[0] })
	if at < 0 {
		return usagef("%q is no command; there are: %s", args[0], lucidCommandNames())
	}
	command := &lucidCommands[at]
	given, rest, err := parseWords(command.flags, args[1:])
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usagef("%s: unexpected argument %q; %s", command.name, rest[0], command.takes())
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c := &lucidClient{ctx: ctx, base: s.base(), query: url.Values{}, world: getenv("SIM_WORLD"), given: given, stdout: stdout}
	c.choose(general)
	return command.run(c)
}

// choose reads which daemon is meant.
func (c *lucidClient) choose(general map[string]string) {
	for name, value := range general {
		switch name {
		case "rest-endpoint":
			c.base = "http://" + strings.TrimSuffix(strings.TrimPrefix(value, "http://"), "/")
		case "name":
			c.query.Set("name", value)
		default:
			c.query.Set("instance", value)
		}
	}
}

// flagKind says what follows a flag.
type flagKind int

const (
	noValue   flagKind = iota // nothing
	oneValue                  // one word
	someWords                 // all words up to the next flag, or none
)

// lucidFlag is a flag of a command: --name value or --name=value.
type lucidFlag struct {
	name string
	kind flagKind
	form string // what help shows as its value
}

// generalFlags choose the daemon; they stand before the command.
var generalFlags = [...]lucidFlag{
	{"rest-endpoint", oneValue, "ip:port"}, {"id", oneValue, "id"}, {"instance", oneValue, "id"}, {"name", oneValue, "fs"},
}

// parseGeneral reads the flags before the command.
func parseGeneral(args []string) (given map[string]string, rest []string, err error) {
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
		return nil, args, nil
	}
	given, rest, err = parseWords(generalFlags[:], args)
	if err == nil && given["id"] != "" && given["instance"] != "" {
		err = usagef("--id and --instance mean the same; give one of them")
	}
	return given, rest, err
}

// parseWords reads flags up to the first word that belongs to none.
func parseWords(flags []lucidFlag, args []string) (given map[string]string, rest []string, err error) {
	given = map[string]string{}
	for len(args) > 0 && strings.HasPrefix(args[0], "--") {
		name, value, assigned := strings.Cut(strings.TrimPrefix(args[0], "--"), "=")
		args = args[1:]
		at := slices.IndexFunc(flags, func(f lucidFlag) bool { return f.name == name })
		if at < 0 {
			return nil, nil, usagef("--%s is no flag here; there are: %s", name, flagList(flags))
		}
		if _, twice := given[name]; twice {
			return nil, nil, usagef("--%s is given twice", name)
		}
		switch flags[at].kind {
		case noValue:
			if assigned {
				return nil, nil, usagef("--%s takes no value", name)
			}
		case oneValue:
			if !assigned {
				if len(args) == 0 || strings.HasPrefix(args[0], "--") {
					return nil, nil, usagef("--%s needs a value: --%s <%s>", name, name, flags[at].form)
				}
				value, args = args[0], args[1:]
			}
			if value == "" {
				return nil, nil, usagef("--%s needs a value that is not empty", name)
			}
		case someWords:
			for !assigned && len(args) > 0 && !strings.HasPrefix(args[0], "--") {
				value, args = strings.TrimSpace(value+" "+args[0]), args[1:]
			}
		}
		given[name] = value
	}
	return given, args, nil
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

// has says whether a flag was given.
func (c *lucidClient) has(flag string) bool {
	_, ok := c.given[flag]
	return ok
}

// needs is a usage error where one of the flags is missing.
func (c *lucidClient) needs(flags ...string) error {
	for _, flag := range flags {
		if !c.has(flag) {
			return usagef("--%s is missing", flag)
		}
	}
	return nil
}

// only answers which one of the flags that exclude each other was given; preset where none was.
func (c *lucidClient) only(preset string, flags ...string) (string, error) {
	found := ""
	for _, flag := range flags {
		if !c.has(flag) {
			continue
		}
		if found != "" {
			return "", usagef("--%s and --%s do not go together", found, flag)
		}
		found = flag
	}
	if found == "" {
		return preset, nil
	}
	return found, nil
}

func (c *lucidClient) print(format string, args ...any) { say(c.stdout, fmt.Sprintf(format, args...)) }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// ask calls the daemon; answer may be nil. A refusal is an error in the daemon's words.
func (c *lucidClient) ask(method, path string, question, answer any) error {
	var body io.Reader
	if question != nil {
		text, err := json.Marshal(question)
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
	if question != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.world != "" {
		req.Header.Set(api.HeaderWorld, c.world)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the daemon does not answer at %s: %w", c.base, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the daemon's answer could not be read: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		var refused struct {
			Message, Detail string
		}
		if json.Unmarshal(text, &refused) != nil || refused.Message+refused.Detail == "" {
			return fmt.Errorf("%s answers %s", target, resp.Status)
		}
		return errors.New(refused.Message + refused.Detail)
	}
	if answer == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s does not answer as a daemon does: %w", target, err)
	}
	return nil
}
