package lucidlink

import "storagesim/internal/api"

// examples returns requests that succeed in a world on the fixture small, or after the examples that make what they
// name. The IDs are those of a world with the seed 1.
func examples() map[string]api.Example {
	const (
		domain    = "160649d5-6754-55cb-a32a-0f5682e32898"
		filespace = "1edef3dd-15c3-43ee-b73d-1121bef88604"
	)
	return map[string]api.Example{
		"CreateAccessToken": {
			Body: `{"grant_type":"client_credentials","client_id":"lucidlink-client",` +
				`"client_secret":"lucidlink-secret"}`,
		},
		"CreateDomain": {Body: `{"name":"studio"}`},
		"GetDomain":    {Path: map[string]string{"id": domain}},
		"UpdateDomain": {Path: map[string]string{"id": domain}, Body: `{"name":"renamed"}`},
		"DeleteDomain": {Path: map[string]string{"id": domain}},
		"SetPaymentDetails": {
			Body: `{"paymentSourceToken":"tok_visa","card":{"numberLast4":"4242","expiryMonth":12,` +
				`"expiryYear":2040}}`,
		},
		"CreateFilespace": {
			Body: `{"name":"projects","domain":"` + domain + `","storage":{"provider":"AWS","region":"us-east-1"}}`,
		},
		"GetFilespace":    {Path: map[string]string{"id": filespace}},
		"DeleteFilespace": {Path: map[string]string{"id": filespace}},
		"InitializeS3": {
			Body: `{"fs":"projects.example","password":"root-password","accessKey":"AKIAEXAMPLE",` +
				`"secretKey":"example-secret-key"}`,
		},
		"LinkFilespace":  {Body: `{"fs":"projects.example","user":"root","password":"root-password"}`},
		"MountFilespace": {Body: `{"mountPoint":"/media/projects"}`},
		"SetCache":       {Body: `{"enabled":true,"sizeMiB":10240}`},
		"CreateSnapshot": {Body: `{"name":"before release","password":"root-password"}`},
		"DeleteSnapshot": {Path: map[string]string{"id": "1", "password": "root-password"}},
		"CreateUser": {
			Body: `{"name":"ann","password":"root-password","userPassword":"ann-password",` +
				`"userEmail":"ann@example.com"}`,
		},
		"UpdateUser": {
			Path: map[string]string{"name": "ann"},
			Body: `{"password":"root-password","userEmail":"ann@studio.example.com"}`,
		},
		"DeleteUser": {Path: map[string]string{"name": "ann", "password": "root-password"}},
	}
}
