package awserr

import "regexp"

// secretPattern matches access key IDs; secret access keys and session tokens
// after their names; session tokens without a name, which are longer than any
// word without hyphens in an AWS name; web identity tokens; users and passwords
// of URLs; e-mail addresses.
var secretPattern = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b` +
	`|(?i:secret_?access_?key|session_?token)["']?\s*[:=>]\s*["']?[^\s"'<,&]+` +
	`|[A-Za-z0-9+/=%]{100,}` +
	`|\beyJ[\w-]+\.[\w.-]+` +
	`|://[^/\s@]+@` +
	`|[\w.%+-]+@[\w-]+(?:\.[\w-]+)+`)

// Redact replaces credentials, tokens and e-mail addresses, which AWS error
// messages may repeat.
func Redact(text string) string { return secretPattern.ReplaceAllLiteralString(text, "<secret>") }
