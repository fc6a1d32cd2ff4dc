package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseDocument returns the top of the file's only document, or nil where there is none or a mistake was recorded.
func parseDocument(r *report, data []byte) *yaml.Node {
	if len(data) > maxFileSize {
		r.add("", 1, "the file is larger than 10 MiB")
		return nil
	}
	if i, what := firstNonText(data); what != "" {
		r.add("", lineAt(data, i), what)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if !errors.Is(err, io.EOF) {
			addSyntaxError(r, data, err)
		}
		return nil
	}
	// The library stops after the first document and would not mention the rest.
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.add("", second.Line, "a second document begins here; the file must have only one")
	case !errors.Is(err, io.EOF):
		addSyntaxError(r, data, err)
	}
	if len(document.Content) == 0 {
		return nil
	}
	return document.Content[0]
}

// firstNonText returns the offset of the first thing that no YAML text may hold and what it is, or "".
func firstNonText(data []byte) (offset int, what string) {
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size <= 1:
			return i, "the file is not UTF-8 text"
		case unicode.IsControl(c) && !strings.ContainsRune("\t\n\r\u0085", c):
			return i, "the file has a control character"
		}
		i += size
	}
	return 0, ""
}

// lineAt returns the number of the line, from 1, that the offset is on.
func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

// lastLine returns the number of the last line that has something on it.
func lastLine(data []byte) int {
	return 1 + bytes.Count(bytes.TrimRight(data, "\r\n"), []byte("\n"))
}

var (
	numberedError = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	indentingTab  = regexp.MustCompile(`(?m)^[ \t]*\t`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// addSyntaxError records an error of the YAML library in words that repeat nothing of the file: what looks like an
// anchor may be a secret that starts with an asterisk.
func addSyntaxError(r *report, data []byte, err error) {
	if anchor := unknownAnchor.FindStringSubmatch(err.Error()); anchor != nil {
		line := lineAt(data, max(bytes.Index(data, []byte("*"+anchor[1])), 0))
		r.add("", line, "not valid YAML: the alias (*) names an anchor (&) that does not stand before it; quote a text that begins with *")
		return
	}
	line, reason := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if parts := numberedError.FindStringSubmatch(err.Error()); parts != nil {
		// The pattern leaves only digits; a number too large to be one is none of the library's.
		line, _ = strconv.Atoi(parts[1])
		reason = parts[2]
	}
	switch {
	case strings.HasPrefix(reason, "did not find expected"):
		line++ // the grammar's errors count lines from 0, the scanner's from 1
	case strings.Contains(reason, "tab character"):
		// The library names the line where the token before the tab began.
		if at := indentingTab.FindIndex(data); at != nil {
			line = lineAt(data, at[0])
		}
	}
	r.add("", min(line, lastLine(data)), "not valid YAML: "+reason)
}
