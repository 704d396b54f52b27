package api

// AuthMode selects how strictly a vendor authenticates its callers. The zero value means AuthLenient.
type AuthMode string

// The modes. AuthLenient refuses a request without a token, accepts any foreign opaque token, and verifies each token
// that the simulator may have issued. AuthStrict accepts only tokens that it can verify. AuthOff accepts every request.
const (
	AuthLenient AuthMode = "lenient"
	AuthStrict  AuthMode = "strict"
	AuthOff     AuthMode = "off"
)
