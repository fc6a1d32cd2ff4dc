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

// parseDocument returns the root of the file's only document, or nil if there is none or a mistake was recorded.
func parseDocument(errs *errorList, data []byte) *yaml.Node {
	if len(data) > maxFileSize {
		errs.add("", 1, "the file is larger than 10 MiB")
		return nil
	}
	if i, reason := firstNonText(data); reason != "" {
		errs.add("", lineAt(data, i), reason)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if !errors.Is(err, io.EOF) {
			addSyntaxError(errs, data, err)
		}
		return nil
	}
	// The library stops after the first document and would ignore the rest.
	switch err := decoder.Decode(&second); {
	case err == nil:
		errs.add("", second.Line, "the file must contain only one document; a second one begins here")
	case !errors.Is(err, io.EOF):
		addSyntaxError(errs, data, err)
	}
	if len(document.Content) == 0 {
		return nil
	}
	return document.Content[0]
}

// firstNonText returns the offset of the first byte that is not allowed in YAML and the reason, or "".
func firstNonText(data []byte) (offset int, reason string) {
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size <= 1:
			return i, "the file is not UTF-8 text"
		case unicode.IsControl(c) && !strings.ContainsRune("\t\n\r\u0085", c):
			return i, "the file contains a control character"
		}
		i += size
	}
	return 0, ""
}

// lineAt returns the line of the offset, from 1.
func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

// lastLine returns the number of the last line that is not empty.
func lastLine(data []byte) int {
	return 1 + bytes.Count(bytes.TrimRight(data, "\r\n"), []byte("\n"))
}

var (
	numberedError = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	indentingTab  = regexp.MustCompile(`(?m)^[ \t]*\t`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// addSyntaxError records an error of the YAML library without quoting the file, because a secret that starts with an
// asterisk looks like an alias.
func addSyntaxError(errs *errorList, data []byte, err error) {
	if anchor := unknownAnchor.FindStringSubmatch(err.Error()); anchor != nil {
		line := lineAt(data, max(bytes.Index(data, []byte("*"+anchor[1])), 0))
		errs.add("", line, "not valid YAML: unknown anchor; quote values that start with *")
		return
	}
	line, reason := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if parts := numberedError.FindStringSubmatch(err.Error()); parts != nil {
		// The pattern matches only digits, and the library's line numbers fit an int.
		line, _ = strconv.Atoi(parts[1])
		reason = parts[2]
	}
	switch {
	case strings.HasPrefix(reason, "did not find expected"):
		line++ // errors of the parser count lines from 0, errors of the scanner from 1
	case strings.Contains(reason, "tab character"), strings.Contains(reason, "cannot start any token"):
		// "tab character" is reported with the line of the token before the tab. No
		// token can start with a tab, nor with other characters.
		at := indentingTab.FindIndex(data)
		if len(at) > 0 && (strings.Contains(reason, "tab character") || lineAt(data, at[0]) == line) {
			line, reason = lineAt(data, at[0]), "a tab cannot be used for indentation; use spaces"
		}
	}
	errs.add("", min(line, lastLine(data)), "not valid YAML: "+reason)
}
