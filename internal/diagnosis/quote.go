package diagnosis

import "strings"

// command returns a command for bash: a literal, and options with their values.
func command(literal string, options ...string) string {
	for i := 0; i+1 < len(options); i += 2 {
		separator := " "
		if strings.HasPrefix(options[i+1], "-") {
			separator = "=" // otherwise the value would be taken for an option
		}
		literal += " " + options[i] + separator + quote(options[i+1])
	}
	return literal
}

// quote quotes a word for bash, if it has to be.
func quote(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-./:=,@%+", r)
	}
	if s != "" && strings.Trim(s, "=") == s && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
