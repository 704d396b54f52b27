package api

// AuthMode is how strictly a vendor checks its callers. The zero value is AuthLenient.
type AuthMode string

// The modes. AuthLenient refuses a call without a token, accepts any opaque token, and verifies each token that the
// simulator can have issued. AuthStrict accepts only tokens that it verifies. AuthOff accepts every call.
const (
	AuthLenient AuthMode = "lenient"
	AuthStrict  AuthMode = "strict"
	AuthOff     AuthMode = "off"
)
