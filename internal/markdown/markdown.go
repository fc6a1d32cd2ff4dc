// Package markdown escapes text for Markdown.
package markdown

import "strings"

var escapes = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", `\<`, "[", `\[`, "#", `\#`, "\n", " ",
)

// Escape returns the text for a table cell or a line of Markdown, in which it has no
// markup and stays on its line.
func Escape(text string) string { return escapes.Replace(text) }
