package redact_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/redact"
)

func TestIsSecret(t *testing.T) {
	for _, name := range []string{
		"password", "Password", "rootPassword", "db_passwd", "passphrase", "pin", "userPin", "user-pin", "pwd", "adminPwd",
		"token", "access_token", "X-Auth-Token", "clientSecret", "hostSecret", "sharedKey", "shared_key", "privateKey",
		"accessKey", "access_key_id", "apiKey", "X-Api-Key", "cardNumber", "card-number", "credential", "credentials",
		"payload", "jwt", "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "sig", "cvv",
	} {
		require.True(t, redact.IsSecret(name), name)
	}
	for _, name := range []string{
		"", "name", "nextPageToken", "pageToken", "token_type", "tokenType", "targetSecretType", "mapping", "spinning",
		"pinned", "compass", "keyStore", "publicKey", "Idempotency-Key", "design", "ETag", "passengers",
		strings.Repeat("password", 100),
	} {
		require.False(t, redact.IsSecret(name), name)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"JSON", `{"name":"a", "password":"hush"}`, `{"name":"a", "password":"[redacted]"}`},
		{"an escaped name", `{"p\u0061ssword":"hush"}`, `{"p\u0061ssword":"[redacted]"}`},
		{"a number", `{"pin": 1234, "size": 1234}`, `{"pin": "[redacted]", "size": 1234}`},
		{"a list", `{"tokens":["hush", 7, true, null], "a":["b"]}`,
			`{"tokens":["[redacted]", "[redacted]", true, null], "a":["b"]}`},
		{"an object", `{"secret":{"a":{"b":["hush"]}},"c":"d"}`, `{"secret":{"a":{"b":["[redacted]"]}},"c":"d"}`},
		{"booleans and nothing stay", `{"password":true,"token":null,"secret":""}`,
			`{"password":true,"token":null,"secret":""}`},
		{"space and order stay", " [ {\"z\" : 1.50e3,\t\"a\":\"\\u00e4\\/\"}]\n",
			" [ {\"z\" : 1.50e3,\t\"a\":\"\\u00e4\\/\"}]\n"},
		{"user information", `{"url":"http://u:hush@h/p","path":"http:\/\/u:hush@h"}`,
			`{"url":"http://[redacted]@h/p","path":"http://[redacted]@h"}`},
		{"a query inside", `{"url":"http://h/p?token=hush&a=b"}`, `{"url":"http://h/p?token=[redacted]\u0026a=b"}`},
		{"JSON inside", `{"text":"{\"password\":\"hush\"}"}`, `{"text":"{\"password\":\"[redacted]\"}"}`},
		{"truncated in a string", `{"name":"a","password":"hus`, `{"name":"a","password":"[redacted]"`},
		{"truncated in a list", `{"passwords":["hush","hu`, `{"passwords":["[redacted]","[redacted]"`},
		{"a missing quote", `{"a": "b"c", "password": "hush"}`, `{"a": "b"c", "password": "[redacted]"}`},
		{"a missing quote before a list", `{"a": "b"c", "secrets": ["hush",{"a":"hush"}], "d":"e"}`,
			`{"a": "b"c", "secrets": ["[redacted]",{"a":"[redacted]"}], "d":"e"}`},
		{"bare words", `{password: hush hush, name: a}`, `{password: "[redacted]", name: a}`},
		{"single quotes", `{'password':'hush','a':'b'}`, `{'password':"[redacted]",'a':'b'}`},
		{"a form", "grant_type=x&client_secret=hush%21&a=b+c", "grant_type=x&client_secret=[redacted]&a=b+c"},
		{"a form with an encoded name", "p%61ssword=hush", "p%61ssword=[redacted]"},
		{"a form with a URL", "next=http%3A%2F%2Fu%3Ahush%40h%2Fp", "next=http%3A%2F%2F[redacted]%40h%2Fp"},
		{"a form with JSON", "d=%7B%22pin%22%3A1234%7D", "d=%7B%22pin%22%3A%22[redacted]%22%7D"},
		{"lines", "name: a\npassword: hush\nsecret=hush\n", "name: a\npassword: [redacted]\nsecret=[redacted]\n"},
		{"a multipart form", "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhush\r\n--x--",
			"--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n[redacted]\r\n--x--"},
		{"a private key", "-----BEGIN RSA PRIVATE KEY-----\nhush", "-----BEGIN RSA PRIVATE KEY-----[redacted]"},
		{"plain text", "404 page not found: it costs 5 = 2+3", "404 page not found: it costs 5 = 2+3"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := redact.Text(c.text)
			require.Equal(t, c.want, got)
			require.Equal(t, got, redact.Text(got), "redacting twice changes nothing")
		})
	}
}

func TestURL(t *testing.T) {
	require.Equal(t, "/a?token=[redacted]&name=v%31&x", redact.URL("/a?token=hush&name=v%31&x"))
	require.Equal(t, "/login/http://[redacted]@h", redact.URL("/login/http://u:hush@h"))
	require.Equal(t, "/a?next=http%3A%2F%2F[redacted]%40h", redact.URL("/a?next=http%3A%2F%2Fu%3Ahush%40h"))
	require.Equal(t, "/a?b", redact.URL("/a?b"))
}

func TestRedactor_EchoesOfHeadersAndBodies(t *testing.T) {
	var r redact.Redactor
	require.Nil(t, r.Echoes())
	h := http.Header{"Authorization": {"Bearer hush-bearer", "Basic aHVzaDpodXNoLXB3"}, "X-Access-Key": {"hush-key"},
		"Referer": {"http://u:hush-pw2@h/"}, "Accept": {"a"}}
	require.Equal(t, http.Header{"Authorization": {"Bearer [redacted]", "Basic [redacted]"},
		"X-Access-Key": {"[redacted]"}, "Referer": {"http://[redacted]@h/"}, "Accept": {"a"}}, r.Header(h))
	require.Equal(t, "Bearer hush-bearer", h.Get("Authorization"), "the header itself stays")
	r.Text(`{"password":"hush \"quoted\"","pin":12345678,"cvv":123}`)
	echoes := r.Echoes()
	require.Equal(t, "[redacted], [redacted], [redacted], [redacted] and [redacted] of 123",
		echoes("hush-bearer, hush-pw, hush-key, hush-pw2 and 12345678 of 123"))
	require.Equal(t, `[redacted] [redacted] %`, echoes(`hush \"quoted\" hush+%22quoted%22 %`))
}
