package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "s3cret"
	type both struct {
		Target Target
		Queue  EventQueue
	}
	target := both{Target{Name: "t", ExternalID: text, ECS: &ECS{ExternalID: text}}, EventQueue{ExternalID: text}}
	if target.Target.ExternalID.Reveal() != text {
		t.Error("Reveal must return the text")
	}
	inJSON, err := json.Marshal(target)
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := yaml.Marshal(target)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "external_id", target.Target.ExternalID, "target", target)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "external_id", target.Target.ExternalID, "target", target)

	shown := map[string]string{
		"JSON":     string(inJSON),
		"YAML":     string(inYAML),
		"log":      log.String(),
		"String":   target.Target.ExternalID.String(),
		"GoString": target.Target.ExternalID.GoString(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%!"} {
		shown[verb] = fmt.Sprintf(verb, target.Target.ExternalID)
		shown["target "+verb] = fmt.Sprintf(verb, target)
		shown["list "+verb] = fmt.Sprintf(verb, []*both{&target}[0])
	}
	for how, output := range shown {
		for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), text[:3]} {
			if strings.Contains(output, form) {
				t.Errorf("%s shows the secret: %s", how, output)
			}
		}
	}
	for _, how := range []string{"JSON", "YAML", "log", "String", "GoString", "%v", "%#v", "target %+v"} {
		if output := shown[how]; !strings.Contains(output, "secret>") && !strings.Contains(output, `secret\u003e`) {
			t.Errorf("%s shows nothing in the secret's place: %s", how, output)
		}
	}
	if got := Secret("").String(); got != "" {
		t.Errorf("the empty secret shows as %q", got)
	}
}
