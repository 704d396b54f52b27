package strict

import "regexp"

// LongestDuration is the longest time.Duration, in whole minutes.
const LongestDuration = "2562047h47m"

var durationForm = regexp.MustCompile(`^[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$`)

// IsLongDuration reports whether err, the error of time.ParseDuration for text, means only that the duration is longer
// than a time.Duration can be.
func IsLongDuration(text string, err error) bool { return err != nil && durationForm.MatchString(text) }
