package main

import (
	"regexp"
	"strings"
)

// variablePrefix begins the names of all environment variables of the program.
const variablePrefix = "SIM_"

// injected are variables that container platforms set for a service named sim or sim-….
var injected = regexp.MustCompile(
	`^SIM_(.*_)?(SERVICE_(HOST|PORT)(_.*)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

// checkVariables returns an error for a variable of the environment whose name begins as the program's do but is none
// of them, since it is probably misspelled. Environ has the form of os.Environ.
func checkVariables(environ []string) error {
	valid := []string{variablePrefix + "WORLD"} // of lucid
	for _, options := range [][]option{serveOptions[:], askOptions[:], scenarioOptions(new(string))} {
		for i := range options {
			valid = append(valid, options[i].variable())
		}
	}
	known := map[string]bool{}
	for _, name := range valid {
		known[name] = true
	}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, variablePrefix) && !known[name] && !injected.MatchString(name) {
			return unknownName("unknown environment variable "+name, name, valid, "simulator help lists the variables")
		}
	}
	return nil
}
