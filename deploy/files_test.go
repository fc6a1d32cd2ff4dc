// Package deploy_test compares the files in this directory with each other, with the code and with the documents.
package deploy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// read returns the contents of a file; its name is relative to this directory.
func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readJSON decodes a file with one JSON value and no members unknown to T.
func readJSON[T any](t *testing.T, name string) T {
	t.Helper()
	var value T
	decoder := json.NewDecoder(bytes.NewReader(read(t, name)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("%s: more than one JSON value", name)
	}
	return value
}

// readYAML decodes a file with one YAML document and no keys unknown to T.
func readYAML[T any](t *testing.T, name string) T {
	t.Helper()
	var value T
	decoder := yaml.NewDecoder(bytes.NewReader(read(t, name)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		t.Fatalf("%s: more than one YAML document", name)
	}
	return value
}
