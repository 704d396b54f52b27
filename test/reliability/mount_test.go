//go:build linux

package reliability

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// mounted mounts a small file system and returns its directory. It needs root.
func mounted(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// remount makes a mounted file system read-only ("ro") or writable ("rw").
func remount(t *testing.T, dir, mode string) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if mode == "ro" {
		flags |= syscall.MS_RDONLY
	}
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", flags, ""))
}
