package redact

import (
	"strings"
	"unicode"
)

// secretParts are texts that make a name secret wherever they occur in it, in lower case and without separators.
var secretParts = [...]string{
	"password", "passwd", "passphrase", "passcode", "secret", "token", "credential", "authorization", "cookie",
	"privatekey", "apikey", "accesskey", "encryptedkey", "encryptionkey", "sharedkey", "signingkey", "masterkey",
	"accountkey", "storagekey", "sessionkey", "authkey", "recoverykey", "cardnumber", "signature",
}

// secretWords make a name secret if they are one of its words: the parts between separators and changes of case.
var secretWords = map[string]bool{
	"pwd": true, "pin": true, "pass": true, "otp": true, "cvv": true, "cvc": true, "jwt": true, "sig": true,
}

// secretNames are secret only as whole names. The member payload is the key of a credential.
var secretNames = map[string]bool{"payload": true}

// harmless are names that contain a secret part but hold no secret: page tokens and types. They are in lower case and
// without separators.
var harmless = map[string]bool{
	"nexttoken": true, "nextpagetoken": true, "pagetoken": true, "tokentype": true, "targetsecrettype": true,
}

// maxName bounds the length of a name, in bytes. A longer text is not a name.
const maxName = 256

// IsSecret reports whether the value of a header, of a parameter or of a JSON member with this name is a secret.
func IsSecret(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	if harmless[plain] {
		return false
	}
	if secretNames[plain] {
		return true
	}
	for _, part := range secretParts {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return hasSecretWord(name)
}

func hasSecretWord(name string) bool {
	begin := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case !isLower(c) && !isUpper(c):
			if secretWords[strings.ToLower(name[begin:i])] {
				return true
			}
			begin = i + 1
		case isUpper(c) && i > begin && isLower(name[i-1]):
			if secretWords[strings.ToLower(name[begin:i])] {
				return true
			}
			begin = i
		}
	}
	return secretWords[strings.ToLower(name[begin:])]
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
