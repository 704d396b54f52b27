package simulator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"storagesim/internal/api"
)

// requestIDsFile has the number of the last request id that may be in use. Rows of worlds name requests, and a later
// process must not give their ids to other requests.
const requestIDsFile = "requests"

// continueIDs makes request ids continue after those of earlier processes on the same data.
func (s *Simulator) continueIDs(journal *api.Journal) error {
	s.journal = journal
	if s.temporary {
		return nil
	}
	var last uint64
	file := filepath.Join(s.dir, requestIDsFile)
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) || s.fresh: // a file without its database is of no use
	case err != nil:
		return fmt.Errorf("data: %w", err)
	default:
		if last, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err != nil {
			return fmt.Errorf("data: %s has %.40q instead of a number; remove it, and request ids begin at 1 again", file, text)
		}
	}
	journal.ContinueAfter(last, func(until uint64) {
		if err := s.storeIDs(until); err != nil {
			s.config.Log.Error().Err(err).Msg("the last request id could not be stored; a later process may use it again")
		}
	})
	return nil
}

// storeIDs replaces the file, unless the data directory has become another process's.
func (s *Simulator) storeIDs(last uint64) error {
	if s.db.InPlace() != nil {
		return nil // closing the database tells it
	}
	file := filepath.Join(s.dir, requestIDsFile)
	if err := os.WriteFile(file+".new", []byte(strconv.FormatUint(last, 10)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// closeIDs stores the last id that was used. No request may be served any more.
func (s *Simulator) closeIDs() error {
	if s.temporary || s.journal == nil || s.journal.LastID() == 0 {
		return nil
	}
	return s.storeIDs(s.journal.LastID())
}
