package config

import (
	"bytes"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// validator compiles the schema once for all tests.
type validator struct {
	once   sync.Once
	schema *jsonschema.Schema
	err    error
}

var bySchema validator

func (v *validator) compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	v.once.Do(func() {
		var document any
		if document, v.err = jsonschema.UnmarshalJSON(bytes.NewReader(encodedSchema(t))); v.err != nil {
			return
		}
		compiler := jsonschema.NewCompiler()
		if v.err = compiler.AddResource(schemaURL, document); v.err == nil {
			v.schema, v.err = compiler.Compile(schemaURL)
		}
	})
	if v.err != nil {
		t.Fatal(v.err)
	}
	return v.schema
}

// validateBySchema returns the error of an editor that checks a file by the schema: of its YAML, or of the schema.
func validateBySchema(t *testing.T, file []byte) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(file, &value); err != nil {
		return err
	}
	return bySchema.compile(t).Validate(asJSON(value))
}

// asJSON converts a decoded YAML value to what JSON has.
func asJSON(value any) any {
	switch v := value.(type) {
	case time.Time: // YAML 1.2 has no timestamps
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "not a number"
		}
	case []any:
		for i := range v {
			v[i] = asJSON(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = asJSON(v[key])
		}
	}
	return value
}

// TestDocumentedFilesAreValid checks the example and every configuration in the documents.
func TestDocumentedFilesAreValid(t *testing.T) {
	files := map[string][]byte{
		"example": []byte(read(t, examplePath)), "whole example": wholeExample(t), "example with files": exampleWithFiles(t),
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && strings.HasPrefix(entry.Name(), ".git") {
			return err
		}
		switch filepath.Ext(path) {
		case ".md":
			for _, match := range block.FindAllStringSubmatch(read(t, path), -1) {
				files[path+":\n"+match[1]] = []byte(match[1])
			}
		case ".yaml", ".yml":
			files[path] = []byte(read(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for name, file := range files {
		if cfg, err := Parse("file", file); err != nil || cfg.empty {
			continue // not a configuration of the exporter
		}
		checked++
		if err := validateBySchema(t, file); err != nil {
			t.Errorf("%s\n%v", name, err)
		}
	}
	if checked < 5 {
		t.Errorf("found only %d configurations", checked)
	}
}

// unknowable are the mistakes that a schema accepts, with the reason for each group.
func unknowable() map[string][]string {
	return map[string][]string{
		"the form of the YAML": {
			"second document", "empty second document", "broken second document", "binary tag", "max hexadecimal",
			"account short", "account as power", // unquoted numbers, whose leading zeros a schema does not see
		},
		"sizes": {
			"name long", // in bytes
			"interval short", "interval long", "target interval long", "ecs interval",
		},
		"characters that are not printable": {"name with bidi"},
		"days":                              {"exclusion for ever", "exclusion until no day"},
		"durations that depend on each other": {
			"interval below timeout", "interval equals timeout", "interval below default timeout", "timeout above default interval",
			"staleness short", "default staleness short",
			"target interval below default timeout", "target interval below timeout", "target timeout above interval",
			"target interval below its timeout", "staleness short for a target", "staleness short for the timeout of a target",
			"interval long for all",
		},
		"values that are equal or in one partition": {
			"name twice", "default name twice", "account name twice", "account twice", "account wanted and not", "status wanted and not",
			"same listing", "same listing in the Region of the environment", "same listing for one type of several",
			"exclusions of one name", "queue twice", "queue twice by other hosts", "queue twice on a loopback host",
			"tags with one label", "tags of two targets with one label", "many tags of two targets",
			"Regions of two partitions", "Region of another partition than the role", "roles in two partitions", "Regions in two partitions",
			"queue in another partition", "queue's role in another partition", "Regions and role in two partitions",
			"ecs role in another partition", "role of another partition",
		},
		"parts of the URL": {
			"https://[::1/111122223333/coverage", "https://mars-1.queue.amazonaws.com/111122223333/a",
			"http://sqs.us-east-1.localhost:4566/000000000000/a", "https://sqs.example.com/111122223333/a",
			"https://sqs.all.api.aws/111122223333/a", "https://sqs.us-esat-2.amazonaws.com/111122223333/a", "Region of another queue",
		},
	}
}

// TestSchemaRefusesMistakes has every file of TestMistakes. The schema refuses those that are not in unknowable.
func TestSchemaRefusesMistakes(t *testing.T) {
	accepted := map[string]string{}
	for reason, names := range unknowable() {
		for _, name := range names {
			accepted[name] = reason
		}
	}
	for _, m := range allMistakes() {
		err := validateBySchema(t, []byte(m.file))
		reason, listed := accepted[m.name]
		delete(accepted, m.name)
		switch {
		case err == nil && !listed:
			t.Errorf("%s: the schema accepts\n%s%s", m.name, m.file, m.want)
		case err != nil && listed:
			t.Errorf("%s: the schema knows it, but the list says: %s\n%v", m.name, reason, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(accepted)) {
		t.Errorf("there is no mistake %q", name)
	}
}
