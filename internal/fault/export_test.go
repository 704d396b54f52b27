package fault

// CountChecks returns a counter of the rules that the injector checks from now on.
func (in *Injector) CountChecks() *int {
	n, check := new(int), in.check
	in.check = func(r Rule, t *Targets) (*Ready, error) {
		*n++
		return check(r, t)
	}
	return n
}
