package main

import (
	"fmt"
	"slices"
	"strings"
)

// subcommand is a subcommand in help.
type subcommand struct {
	name  string
	usage string // lines with the command and, from column 35, what it does
	// options returns its flags; nil for none.
	options func() []option
}

func subcommands() []subcommand {
	ask := func() []option { return askOptions[:] }
	return []subcommand{
		{"serve", "  simulator [serve] [flags]        serve until SIGTERM; prints its addresses as a line of JSON\n",
			func() []option { return serveOptions[:] }},
		{"healthcheck", "  simulator healthcheck [--url U]  exit 0 if a simulator is ready\n", ask},
		{"wait", `  simulator wait [--url U] [--timeout D]
                                   wait until a simulator is ready
`, ask},
		{verifyName, "  simulator verify-data --data DIR check every index of a data directory that no simulator uses\n",
			func() []option { return []option{dataOption} }},
		{"replay", `  simulator replay FILE            replay a recording and compare the responses: exit 0 if they are the
                                   same bytes, 2 at the first difference, which is printed, 1 on any other error
`, nil},
		{"scenario", `  simulator scenario run FILE|NAME [--url U] [--junit FILE]
                                   run a scenario; exit 0 if it passed, 2 if an expectation failed, 1 on any other error
  simulator scenario check FILE|NAME
                                   check a scenario without running it
  simulator scenario list          list the scenarios that come with the program
`, func() []option { return scenarioOptions(new(string)) }},
		{lucidName, "  simulator lucid COMMAND …        LucidLink's command line; also if the binary is named lucid\n", nil},
		{"version", "  simulator version\n", nil},
		{"help", "  simulator help [SUBCOMMAND]\n", nil},
	}
}

func subcommandNames() (names []string) {
	for _, s := range subcommands() {
		names = append(names, s.name)
	}
	return names
}

const variablesHelp = "\nEach flag is also an environment variable. The flag overrides the variable.\n\n"

// help is the help of the whole program.
func help() string {
	var b strings.Builder
	b.WriteString("simulator simulates the HTTP APIs of four storage vendors.\n\n")
	for _, s := range subcommands() {
		b.WriteString(s.usage)
	}
	b.WriteString(variablesHelp)
	writeOptions(&b, serveOptions[:])
	b.WriteString("\nFor healthcheck and wait:\n\n")
	writeOptions(&b, askOptions[:])
	return b.String()
}

// helpOf returns the help of a subcommand, and false for an unknown one.
func helpOf(name string) (text string, ok bool) {
	if name == verifyAlias {
		name = verifyName
	}
	list := subcommands()
	at := slices.IndexFunc(list, func(s subcommand) bool { return s.name == name })
	if at < 0 {
		return "", false
	}
	var b strings.Builder
	b.WriteString(list[at].usage)
	if name == lucidName {
		b.WriteString("\n" + lucidHelp())
	}
	if list[at].options != nil {
		b.WriteString(variablesHelp)
		writeOptions(&b, list[at].options())
	}
	return b.String(), true
}

func writeOptions(b *strings.Builder, options []option) {
	for i := range options {
		o := &options[i]
		fmt.Fprintf(b, "  --%-24s %-17s %s\n", o.name+" "+o.form, o.variable(), o.doc)
	}
}

// asksHelp reports whether one of the arguments is a flag for help.
func asksHelp(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" })
}
