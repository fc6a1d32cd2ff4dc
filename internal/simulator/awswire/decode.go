package awswire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Decode reads a JSON object into v. It rejects members that v does not have and,
// because encoding/json ignores case, members at any depth whose exact name is
// not in names. An empty body is an empty object.
func Decode(body []byte, v any, names ...string) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("the body is not as expected: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body has data after its JSON object")
	}
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, ok := tree.(map[string]any); !ok {
		return errors.New("the body is not a JSON object")
	}
	return checkNames(tree, names)
}

// checkNames returns an error if tree has an object member that is not in names.
func checkNames(tree any, names []string) error {
	switch tree := tree.(type) {
	case []any:
		for _, element := range tree {
			if err := checkNames(element, names); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, value := range tree {
			if !slices.Contains(names, name) {
				return fmt.Errorf("the member %q is unknown", name)
			}
			if err := checkNames(value, names); err != nil {
				return err
			}
		}
	}
	return nil
}
