package simulator

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"storagesim/internal/api"
	"storagesim/internal/fault"
)

// resume lets the clocks of the data's worlds go on where an earlier process has left them.
func (s *Simulator) resume() error {
	last, err := s.db.LastWall()
	if err != nil {
		return err
	}
	return s.engine.Resume(last)
}

// warnOfTables warns of tables in the data that no part of the program knows: those of a newer version, or of an older
// one whose tables have other names now.
func (s *Simulator) warnOfTables(parts []api.Vendor) error {
	if s.fresh {
		return nil
	}
	names, err := s.db.TableNames()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for i := range parts {
		for _, t := range parts[i].Tables {
			known[t.Name()] = true
		}
	}
	for _, t := range fault.Verifiers() {
		known[t.Name()] = true
	}
	unknown := slices.DeleteFunc(names, func(name string) bool { return known[name] || s.engine.OwnsTable(name) })
	if len(unknown) > 0 {
		s.config.Log.Warn().Strs("tables", unknown).Msg("the data has tables that this version of the program does not " +
			"know; their rows stay and have no effect, and worlds that have some cannot be exported")
	}
	return nil
}

// ownFiles are patterns of the files that the program makes in the data directory. They have secrets.
var ownFiles = [...]string{fileName, fileName + ".log.*", caFile, caKeyFile, requestIDsFile, "ready.json"}

// tighten removes the access of other users from the files in the data directory, which earlier versions or a copy may
// have made readable for them. It warns of files that belong to another user, and of a directory in which other users
// can replace files. It does not change the directory, which the user may share with other programs.
func (s *Simulator) tighten() error {
	for _, pattern := range ownFiles {
		files, err := filepath.Glob(filepath.Join(escapeGlob(s.dir), pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			info, err := os.Lstat(file)
			if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0) {
				continue
			}
			if err == nil {
				err = os.Chmod(file, info.Mode().Perm()&^0o077)
			}
			level := zerolog.InfoLevel
			if err != nil {
				level = zerolog.WarnLevel
			}
			s.config.Log.WithLevel(level).Err(err).Str("file", file).Msg("other users could access this file, which has secrets")
		}
	}
	if info, err := os.Stat(s.dir); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
		s.config.Log.Warn().Str("directory", s.dir).Msg("any user can replace the files in the data directory; " +
			"use a directory of your own, for example with mode 0700")
	}
	return nil
}

// escapeGlob returns a pattern that matches only the path.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
