//go:build unix

package store

import (
	"os"
	"syscall"
)

// ExamineWithout examines a file of which pages go away meanwhile, each in an examination of its own, and answers what came of
// each.
func ExamineWithout(path string, step int) (errs []error, err error) {
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
	size := os.Getpagesize()
	for at := 2 * size; at+size <= len(data); at += step * size {
		page := data[at : at+size]
		if err := syscall.Mprotect(page, syscall.PROT_NONE); err != nil {
			return nil, err
		}
		errs = append(errs, unlessChanged(func() error { return examineData(data) }))
		if err := syscall.Mprotect(page, syscall.PROT_READ); err != nil {
			return nil, err
		}
	}
	return errs, nil
}
