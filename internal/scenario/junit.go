package scenario

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The elements of a JUnit report that CI servers have in common: https://github.com/testmoapp/junitxml.
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

// JUnit returns the report as JUnit XML: a case for each step and each expectation. The error of a scenario that could
// not run to its end is in the case of the step where it ended, or in a case of its own.
func (r *Report) JUnit() ([]byte, error) {
	suite := junitSuite{Name: clean(r.Name), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	reported := false // the case of a step or an expectation has the failure
	for i := range r.Timeline {
		e := &r.Timeline[i]
		c := junitCase{Class: suite.Name, Name: clean(e.Step), Time: fmt.Sprintf("%.3f", e.Took.Seconds())}
		switch {
		case e.State == StepFailed && r.Verdict == Broken:
			c.Error, reported = e.junit("error"), true
		case e.State == StepFailed:
			c.Failure, reported = e.junit("expectation"), true
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
			c.Failure, reported = &junitText{Message: clean(o.Why), Type: "expectation"}, true
		}
		suite.Cases = append(suite.Cases, c)
	}
	if !reported && r.Verdict != Passed {
		c := junitCase{Class: suite.Name, Name: "scenario", Time: suite.Time}
		c.Error = &junitText{Message: clean(r.Why), Type: string(r.Verdict)}
		suite.Cases = append(suite.Cases, c)
	}
	suite.count()
	all := junitSuites{Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Skipped: suite.Skipped,
		Time:   suite.Time,
		Suites: []junitSuite{suite}}
	text, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

// junit returns why the step failed.
func (e *Entry) junit(kind string) *junitText {
	return &junitText{Message: clean(e.Why), Type: kind, Text: clean(e.Request + "\n" + e.Answer)}
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

// clean removes the characters that XML 1.0 does not allow.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, "�"))
}
