package simulator

import (
	"storagesim/internal/api"
)

// vendors is the one place where a vendor is added to the program.
func vendors(_ Config) []api.Vendor {
	return nil
}
