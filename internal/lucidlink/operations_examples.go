package lucidlink

import "storagesim/internal/api"

// examples are requests that succeed in a world on the fixture small, or after the examples that make what they name.
func examples() map[string]api.Example {
	return map[string]api.Example{
		"CreateAccessToken": {
			Body: `{"grant_type":"client_credentials","client_id":"lucidlink-client",` +
				`"client_secret":"lucidlink-secret"}`,
		},
		"CreateDomain": {Body: `{"name":"studio"}`},
		"UpdateDomain": {
			Path: map[string]string{"id": "160649d5-6754-55cb-a32a-0f5682e32898"},
			Body: `{"name":"renamed"}`,
		},
		"DeleteDomain": {Path: map[string]string{"id": "160649d5-6754-55cb-a32a-0f5682e32898"}},
		"SetPaymentDetails": {
			Body: `{"paymentSourceToken":"tok_visa","card":{"numberLast4":"4242","expiryMonth":12,` +
				`"expiryYear":2040}}`,
		},
		"CreateFilespace": {
			Body: `{"name":"projects","domain":"160649d5-6754-55cb-a32a-0f5682e32898",` +
				`"storage":{"provider":"AWS","region":"us-east-1"}}`,
		},
	}
}
