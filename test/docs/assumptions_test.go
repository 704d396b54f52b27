package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// assumptions returns the numbers of docs/assumptions.md, which ascend within each section.
func assumptions(t *testing.T) map[int]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/assumptions.md")
	require.NoError(t, err)
	numbers, last := map[int]bool{}, 0
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(line, "## ") {
			last = 0
		}
		m := regexp.MustCompile(`^\*\*(\d+)\. `).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		require.False(t, numbers[n], "assumption %d stands there twice", n)
		require.Greater(t, n, last, "assumption %d is out of order", n)
		numbers[n], last = true, n
	}
	return numbers
}

// Every number that the code or another document names is an assumption.
func TestAssumptions_NumbersExist(t *testing.T) {
	numbers := assumptions(t)
	require.Greater(t, len(numbers), 200)
	named := regexp.MustCompile(`\bassumptions? (\d+(?:(?:, | and | to )\d+)*)`)
	number := regexp.MustCompile(`\d+`)
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && (d.Name() == ".git" || d.Name() == "build") {
				return fs.SkipDir
			}
			return err
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".md" && ext != ".yaml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			for _, digits := range number.FindAllString(m[1], -1) {
				n, err := strconv.Atoi(digits)
				require.NoError(t, err)
				require.True(t, numbers[n], "%s names assumption %d, which is not in docs/assumptions.md", path, n)
			}
		}
		return nil
	}))
}
