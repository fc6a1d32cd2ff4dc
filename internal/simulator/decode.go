package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// decode reads a JSON object strictly into v: no member that v does not have,
// and names lists, to the letter, the members that may occur at any depth
// (encoding/json alone would take them in any case). An empty body is an empty
// object.
func decode(body []byte, v any, names ...string) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("the body is not what is expected: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after its JSON object")
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

// checkNames looks for an object member that is not among names.
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
