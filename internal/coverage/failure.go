package coverage

import "time"

// Failure is a failed attempt to read something, for people. Programs use the
// state of what was read.
type Failure struct {
	At        time.Time
	Operation string // of AWS, such as ListCoverage; "" if the failure is not that of a call
	Text      string // see [SanitizeError]; without secrets
}

// maxErrorBytes is the maximum length of the text of a Failure. Those of AWS name
// a principal, an action and a resource, which do not fit into [MaxTextBytes].
const maxErrorBytes = 800

// SanitizeError is [Sanitize] with room for the text of an error.
func SanitizeError(s string) string { return truncate(printable(s), maxErrorBytes) }
