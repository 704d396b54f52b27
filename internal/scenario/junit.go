package scenario

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The elements of a JUnit report, as CI servers read it: https://github.com/testmoapp/junitxml describes what they
// share.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Time    string     `xml:"time,attr"`
		Failure *junitText `xml:"failure"`
		Error   *junitText `xml:"error"`
		Skipped *struct{}  `xml:"skipped"`
		Out     string     `xml:"system-out,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit renders the report as JUnit XML: one case for each step and each expectation. A scenario that could not be
// carried out has an error in the step where it ended, or in a case of its own.
func (r *Report) JUnit() ([]byte, error) {
	suite := junitSuite{Name: clean(r.Name), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	told := false
	for i := range r.Timeline {
		e := &r.Timeline[i]
		c := junitCase{Class: suite.Name, Name: clean(e.Step), Time: fmt.Sprintf("%.3f", e.Took.Seconds())}
		switch {
		case e.State == StepFailed && r.Verdict == Broken:
			c.Error, told = &junitText{Message: clean(e.Why), Type: "error", Text: clean(e.Request + "\n" + e.Answer)}, true
		case e.State == StepFailed:
			c.Failure, told = &junitText{Message: clean(e.Why), Type: "expectation", Text: clean(e.Request + "\n" + e.Answer)}, true
		case e.State != StepPassed:
			c.Skipped = &struct{}{}
		default:
			c.Out = clean(e.Request)
		}
		suite.Cases = append(suite.Cases, c)
	}
	for i := range r.Expect {
		o := &r.Expect[i]
		c := junitCase{Class: suite.Name, Name: clean("expect: " + o.Check), Time: "0.000"}
		switch {
		case o.Holds == nil:
			c.Skipped = &struct{}{}
		case !*o.Holds:
			c.Failure, told = &junitText{Message: clean(o.Why), Type: "expectation"}, true
		}
		suite.Cases = append(suite.Cases, c)
	}
	if !told && r.Verdict != Passed {
		c := junitCase{Class: suite.Name, Name: "scenario", Time: suite.Time}
		c.Error = &junitText{Message: clean(r.Why), Type: string(r.Verdict)}
		suite.Cases = append(suite.Cases, c)
	}
	suite.count()
	all := junitSuites{Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Skipped: suite.Skipped, Time: suite.Time,
		Suites: []junitSuite{suite}}
	text, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for i := range s.Cases {
		switch c := &s.Cases[i]; {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

// clean takes out what XML 1.0 has no way to say.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, "�"))
}
