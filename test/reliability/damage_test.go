//go:build linux

package reliability

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

const fileName = "simulator.db"

// filled returns a database file with volumes, checkpoints and worlds. Its process was stopped by SIGTERM or killed.
func filled(t *testing.T, stop bool) []byte {
	t.Helper()
	dir := t.TempDir()
	p := start(t, "--data", dir)
	for i := range 300 {
		must(t, p, 200, http.MethodPost, volumesPath, "", newVolume(fmt.Sprint("v", i)), nil)
		if i%50 == 0 {
			must(t, p, 200, http.MethodPut, fmt.Sprint("/_sim/checkpoints/c", i), "", "", nil)
			must(t, p, 201, http.MethodPost, "/_sim/worlds", "", fmt.Sprintf(`{"name":"w%d","from":"c%d"}`, i, i), nil)
		}
	}
	if stop {
		require.Zero(t, p.Stop(), p.Stderr())
	} else {
		p.Kill()
	}
	content, err := os.ReadFile(filepath.Join(dir, fileName))
	require.NoError(t, err)
	return content
}

// requireRefused requires that the program ended with one line that names the file, and did not change the file.
func requireRefused(t *testing.T, err error, path string, before []byte) {
	t.Helper()
	var ended *program.EndedError
	require.ErrorAs(t, err, &ended)
	require.Equal(t, 1, ended.Code, ended.Stderr)
	require.Equal(t, 1, strings.Count(ended.Stderr, "\n"), ended.Stderr)
	require.True(t, strings.HasPrefix(ended.Stderr, "simulator: "), ended.Stderr)
	require.Contains(t, ended.Stderr, path)
	require.NotContains(t, ended.Stderr, "goroutine")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "the file was changed")
}

// try starts the program on a copy of a file and reports whether it refused to start. If it serves, requests may fail,
// but the process must continue.
func try(t *testing.T, content []byte) (refused bool) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	p, err := program.Start(binary, "", "--data", dir)
	if err != nil {
		requireRefused(t, err, path, content)
		return true
	}
	defer p.Kill()
	for _, read := range []string{volumesPath, "/_sim/worlds", "/api/v2/nodes", "/_sim/timers", "/_sim/resources"} {
		_, err := program.Call(http.DefaultClient, http.MethodGet, p.HTTP+read, "", "")
		require.NoError(t, err, p.Stderr())
	}
	a, err := program.Call(http.DefaultClient, http.MethodPost, p.HTTP+volumesPath, "", newVolume("another"))
	require.NoError(t, err, p.Stderr())
	require.Contains(t, []int{200, 500}, a.Status)
	require.NotContains(t, p.Stderr(), "panic", "a request panicked on the damage")
	return false
}

func flip(content []byte, random *rand.Rand, at int) []byte {
	damaged := bytes.Clone(content)
	damaged[at] ^= 1 << random.IntN(8)
	return damaged
}

// seal is the size of the checksum after the last page, in bytes.
const seal = 32

func TestDamage_BitsOfAStoppedFile(t *testing.T) {
	long(t)
	random := seeded(t)
	content := filled(t, true)
	require.False(t, try(t, content), "the file as it is")
	const tries = 60
	for range tries {
		at := random.IntN(len(content) - seal)
		require.True(t, try(t, flip(content, random, at)), "byte %d of %d", at, len(content))
	}
	t.Logf("%d of %d flipped bits in %d bytes were refused", tries, tries, len(content))
}

func TestDamage_BitsOfAKilledFile(t *testing.T) {
	long(t)
	random := seeded(t)
	content := filled(t, false)
	require.False(t, try(t, content), "the file as it is")
	const tries = 60
	anywhere, heads := 0, 0
	for range tries {
		anywhere += is(try(t, flip(content, random, random.IntN(len(content)))))
		page := random.IntN(len(content) / 4096)
		heads += is(try(t, flip(content, random, page*4096+random.IntN(32))))
	}
	t.Logf("refused: %d of %d bits anywhere, %d of %d in page headers; the others were in free pages, gaps and rows",
		anywhere, tries, heads, tries)
	require.NotZero(t, heads)
	for _, meta := range []int{0, 4096} {
		for range 10 {
			at := meta + 16 + random.IntN(64)
			require.True(t, try(t, flip(content, random, at)), "byte %d, of a meta page", at)
		}
	}
}

func TestDamage_TruncatedFile(t *testing.T) {
	long(t)
	for _, stopped := range []bool{true, false} {
		content := filled(t, stopped)
		lengths := []int{
			0, 1, 100, 4095, 4096, 8191, 8192, 12288, 16384, len(content) / 2, len(content) - 4096, len(content) - 1,
		}
		for _, n := range lengths {
			require.True(t, try(t, content[:n]), "%d of %d bytes", n, len(content))
		}
	}
}

// If the file is truncated while the program serves, the program ends with a message and exit code 1.
func TestDamage_WhileServing(t *testing.T) {
	long(t)
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	require.NoError(t, os.WriteFile(path, filled(t, true), 0o600))
	p := start(t, "--data", dir)
	require.NoError(t, os.Truncate(path, 8192))
	for range 20 {
		a, err := program.Call(http.DefaultClient, http.MethodGet, p.HTTP+volumesPath, "", "")
		if err != nil {
			break
		}
		require.Equal(t, 500, a.Status, a.Text)
	}
	require.Equal(t, 1, p.Wait(), p.Stderr())
	lines := strings.Split(strings.TrimSpace(p.Stderr()), "\n")
	last := lines[len(lines)-1]
	require.True(t, strings.HasPrefix(last, "simulator: "), p.Stderr())
	require.Contains(t, last, "damaged while it was open")
	require.NotContains(t, p.Stderr(), "goroutine")
}

func TestDamage_DirectoryIsReadOnly(t *testing.T) {
	long(t)
	dir := mounted(t, "size=64m")
	data := filepath.Join(dir, "data")
	p := start(t, "--data", data)
	must(t, p, 200, http.MethodPost, volumesPath, "", newVolume("v"), nil)
	require.Zero(t, p.Stop())
	path := filepath.Join(data, fileName)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	remount(t, dir, "ro")
	_, err = program.Start(binary, "", "--data", data)
	requireRefused(t, err, path, content)
	_, err = program.Start(binary, "", "--data", filepath.Join(dir, "new"))
	var ended *program.EndedError
	require.ErrorAs(t, err, &ended)
	require.Equal(t, 1, ended.Code)
	require.Contains(t, ended.Stderr, "read-only file system")
	require.NotContains(t, ended.Stderr, "goroutine")
	remount(t, dir, "rw")
	p = start(t, "--data", data)
	require.Len(t, volumes(t, p, ""), 1)
	p.Kill()
}

// ballast writes a file that leaves only the given number of bytes free, and returns its path.
func ballast(t *testing.T, dir string, left int64) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	require.NoError(t, err)
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	info, err := f.Stat()
	require.NoError(t, err)
	require.NoError(t, f.Truncate(info.Size()-left))
	require.NoError(t, f.Close())
	return path
}

// On a full disk writes fail and everything acknowledged is kept. When there is space again, writes succeed.
func TestDisk_FillsUp(t *testing.T) {
	long(t)
	dir := mounted(t, "size=16m")
	data := filepath.Join(dir, "data")
	p := start(t, "--data", data, "--delays", "instant")
	fill := func(from string) (kept int) {
		path := ballast(t, dir, 256<<10)
		failed := 0
		for i := 0; failed < 20; i++ {
			body := newVolume(fmt.Sprint(from, i))
			a, err := program.Call(http.DefaultClient, http.MethodPost, p.HTTP+volumesPath, "", body)
			require.NoError(t, err, p.Stderr())
			if a.Status == 200 {
				kept++
				continue
			}
			failed++
			require.Equal(t, 500, a.Status, a.Text)
			require.Contains(t, a.Text, "internal error")
			require.Less(t, i, 5000, "the disk never fills up")
		}
		require.Contains(t, p.Stderr(), "no space left on device")
		require.NoError(t, os.Remove(path))
		return kept
	}
	kept := fill("a")
	require.Len(t, volumes(t, p, ""), kept)
	must(t, p, 200, http.MethodPost, volumesPath, "", newVolume("room"), nil)
	kept += 1 + fill("b")
	require.Len(t, volumes(t, p, ""), kept)
	require.NotContains(t, p.Stderr(), "panic")
	require.Less(t, p.Said(), 1<<20, "the log")
	p.Kill()
	require.NoError(t, program.Verify(binary, data))
	p = start(t, "--data", data)
	require.Len(t, volumes(t, p, ""), kept)
	t.Logf("%d volumes were kept, after the disk was full twice and after kill -9", kept)
	p.Kill()
}

// If the disk is full at the start, the program prints a message and leaves no file.
func TestDisk_IsFullAtTheStart(t *testing.T) {
	long(t)
	dir := mounted(t, "size=1m")
	path := ballast(t, dir, 4096)
	data := filepath.Join(dir, "data")
	_, err := program.Start(binary, "", "--data", data)
	var ended *program.EndedError
	require.ErrorAs(t, err, &ended)
	require.Equal(t, 1, ended.Code)
	require.Contains(t, ended.Stderr, "no space left on device")
	require.NotContains(t, ended.Stderr, "goroutine")
	require.NoFileExists(t, filepath.Join(data, fileName))
	require.NoError(t, os.Remove(path))
}

// At a limit on the size of files writes fail and everything acknowledged is kept, as on a full disk. Timers are due
// meanwhile, but the log stays small.
func TestDisk_FileSizeLimit(t *testing.T) {
	long(t)
	data := t.TempDir()
	p := startAfter(t, "ulimit -f 2048", "--data", data) // KiB
	kept, failed := 0, 0
	for i := 0; failed < 20; i++ {
		a, err := program.Call(http.DefaultClient, http.MethodPost, p.HTTP+volumesPath, "", newVolume(fmt.Sprint(i)))
		require.NoError(t, err, p.Stderr())
		kept, failed = kept+is(a.Status == 200), failed+is(a.Status >= 500)
		require.Less(t, i, 5000, "the limit is never reached")
	}
	require.Contains(t, p.Stderr(), "file too large")
	require.NotContains(t, p.Stderr(), "panic")
	require.Less(t, p.Said(), 1<<20, "the log")
	p.Kill()
	require.NoError(t, program.Verify(binary, data))
	p = start(t, "--data", data)
	require.Len(t, volumes(t, p, ""), kept)
	p.Kill()
}
