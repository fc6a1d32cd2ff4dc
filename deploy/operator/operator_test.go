// Package operator checks the objects for the Prometheus Operator with the Operator's own types. It is a module of its
// own, so that the exporter does not require the modules of Kubernetes.
package operator

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const manifest = "../kubernetes/servicemonitor.yaml"

// TestFiles decodes the plain manifest and the files in the arguments of the test, which are what the chart renders:
//
//	go test . -args FILE...
func TestFiles(t *testing.T) {
	for _, name := range append([]string{manifest}, flag.Args()...) {
		kinds, err := decode(t, read(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(kinds) == 0 {
			t.Errorf("%s has no object", name)
		}
		t.Logf("%s: %s", name, strings.Join(kinds, ", "))
	}
}

// TestMistakes checks that decode refuses what Kubernetes would refuse or drop.
func TestMistakes(t *testing.T) {
	valid := read(t, manifest)
	for name, test := range map[string]struct{ old, replacement, want string }{
		"unknown key":          {"      interval: 60s\n", "      interval: 60s\n      intervall: 60s\n", `unknown field "spec.endpoints[0].intervall"`},
		"key in another case":  {"      interval: 60s\n", "      Interval: 60s\n", `unknown field "spec.endpoints[0].Interval"`},
		"key twice":            {"      interval: 60s\n", "      interval: 60s\n      interval: 30s\n", `"interval" already set`},
		"another type":         {"      interval: 60s\n", "      interval: 60\n", "cannot unmarshal number"},
		"unknown kind":         {"kind: ServiceMonitor\n", "kind: ServiceMonitors\n", `no kind "ServiceMonitors" is registered`},
		"of another interface": {"monitoring.coreos.com/v1\n", "monitoring.coreos.com/v2\n", `"monitoring.coreos.com/v2"`},
	} {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(valid, []byte(test.old)) {
				t.Fatalf("%s does not contain %q", manifest, test.old)
			}
			_, err := decode(t, bytes.Replace(valid, []byte(test.old), []byte(test.replacement), 1))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %s", err, test.want)
			}
		})
	}
}

// decode returns the kinds of the objects in manifests. All have to be of the Operator, and only have keys of its types.
func decode(t *testing.T, manifests []byte) (kinds []string, err error) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := monitoringv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return kinds, nil
		}
		if err != nil {
			return kinds, err
		}
		_, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return kinds, fmt.Errorf("object %d: %w", len(kinds)+1, err)
		}
		kinds = append(kinds, kind.Kind)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
