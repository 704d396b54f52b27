//go:build unix

package pagefile

import (
	"os"
	"syscall"
)

// CheckWithout checks a file once for each step-th page, which is unreadable meanwhile, and returns the result of each
// check.
func CheckWithout(path string, step int) (errs []error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, release, err := mapFile(f)
	if err != nil {
		return nil, err
	}
	defer release()
	m, err := newestMeta(data)
	if err != nil {
		return nil, err
	}
	size := int(m.pageSize)
	for at := 2 * size; at < int(m.high)*size; at += step * size {
		page := data[at : at+size]
		if err := syscall.Mprotect(page, syscall.PROT_NONE); err != nil {
			return nil, err
		}
		errs = append(errs, catchChange(func() error { return checkData(data) }))
		if err := syscall.Mprotect(page, syscall.PROT_READ); err != nil {
			return nil, err
		}
	}
	return errs, nil
}
