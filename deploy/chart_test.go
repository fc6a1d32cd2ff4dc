package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

const chart = "helm/guardduty-coverage-exporter"

// render returns what the chart makes of the values in the namespace of the manifests, by kind and name. Without helm the
// test is skipped, except in CI.
func render(t *testing.T, values string) map[string]map[string]any {
	t.Helper()
	if _, err := exec.LookPath("helm"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("skipped: no helm; .ci/run tools installs it")
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return objects(t, []byte(command(t, nil, "helm", "template", "guardduty-coverage-exporter", chart, "--namespace", "guardduty-coverage",
		"--kube-version", "1.30", "--skip-tests", "--values", file)))
}

// objects decodes manifests, by kind and name.
func objects(t *testing.T, manifests []byte) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for decoder := yaml.NewDecoder(bytes.NewReader(manifests)); ; {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if object != nil {
			all[fmt.Sprint(object["kind"], " ", objectIn(object, "metadata")["name"])] = object
		}
	}
}

// objectIn returns a member of an object that is an object, or nil.
func objectIn(object map[string]any, name string) map[string]any {
	value, _ := object[name].(map[string]any)
	return value
}

// withoutChartLabels removes the labels that only a chart has.
func withoutChartLabels(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range []string{"instance", "managed-by", "version"} {
			delete(value, "app.kubernetes.io/"+key)
		}
		delete(value, "helm.sh/chart")
		for _, part := range value {
			withoutChartLabels(part)
		}
	case []any:
		for _, part := range value {
			withoutChartLabels(part)
		}
	}
}

// The chart makes the manifests of deploy/kubernetes, except for labels, the namespace and comments.
func TestChartMakesTheManifests(t *testing.T) {
	want := objects(t, read(t, "kubernetes/exporter.yaml"))
	for name, monitor := range objects(t, read(t, "kubernetes/servicemonitor.yaml")) {
		want[name] = monitor
	}
	delete(want, "Namespace guardduty-coverage")
	delete(want, "Secret guardduty-coverage-exporter")
	m := readManifests(t)
	var configuration map[string]any
	if err := yaml.Unmarshal([]byte(m.ConfigMap.Data["config.yaml"]), &configuration); err != nil {
		t.Fatal(err)
	}
	values, err := yaml.Marshal(map[string]any{
		"config":         configuration,
		"serviceAccount": map[string]any{"annotations": m.ServiceAccount.Metadata.Annotations},
		"secretFiles":    m.Secret.Metadata.Name,
		"monitor":        map[string]any{"kind": "ServiceMonitor"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := render(t, string(values))
	for _, side := range []map[string]map[string]any{want, got} {
		data := objectIn(side["ConfigMap guardduty-coverage-exporter"], "data")
		text, _ := data["config.yaml"].(string)
		var decoded any
		if err := yaml.Unmarshal([]byte(text), &decoded); err != nil || decoded == nil {
			t.Fatalf("no configuration: %v", err)
		}
		data["config.yaml"] = decoded
		for _, object := range side {
			withoutChartLabels(object)
			meta := objectIn(object, "metadata")
			if labels, ok := meta["labels"].(map[string]any); !ok || len(labels) > 0 {
				meta["labels"] = map[string]any{"app.kubernetes.io/name": "guardduty-coverage-exporter"}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deploy/kubernetes (-), chart (+):\n%s", diff)
	}
}

// The chart contains all rules and dashboards, and each replica has a valid configuration with its own queue.
func TestChartFiles(t *testing.T) {
	for from, to := range map[string]string{"../alerts/*.rules.yaml": chart + "/files/alerts/*", "../dashboards/*.json": chart + "/files/dashboards/*"} {
		want, err := filepath.Glob(from)
		if err != nil || len(want) == 0 {
			t.Fatalf("no files %s: %v", from, err)
		}
		got, err := filepath.Glob(to)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if !slices.ContainsFunc(got, func(file string) bool { return filepath.Base(file) == filepath.Base(want[i]) }) {
				t.Errorf("the chart lacks %s: ln -s ../../../../../%s deploy/%s", want[i], strings.TrimPrefix(filepath.ToSlash(want[i]), "../"), filepath.ToSlash(filepath.Dir(to)))
			}
		}
		for _, file := range got {
			target, err := filepath.EvalSymlinks(file)
			if err != nil || filepath.Dir(target) != filepath.Dir(filepath.FromSlash(from)) {
				t.Errorf("%s is not a link to a file in %s: %s, %v", file, filepath.Dir(from), target, err)
			}
		}
	}
}

func TestChartWithEverything(t *testing.T) {
	got := render(t, `
config: {targets: [{regions: [us-east-1]}]}
replicaEvents:
  - [{queue_url: https://sqs.us-east-1.amazonaws.com/111122223333/guardduty-coverage-events-1}]
  - [{queue_url: https://sqs.us-east-1.amazonaws.com/111122223333/guardduty-coverage-events-2}]
prometheusRule: {enabled: true}
dashboards: {enabled: true}
`)
	data := objectIn(got["ConfigMap guardduty-coverage-exporter"], "data")
	for i, name := range []string{"guardduty-coverage-exporter-0.yaml", "guardduty-coverage-exporter-1.yaml"} {
		text, _ := data[name].(string)
		cfg, err := config.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"guardduty-coverage-events-1", "guardduty-coverage-events-2"}[i]; len(cfg.Events) != 1 || cfg.Events[0].Name() != want {
			t.Errorf("%s reads the queues %v, want %s", name, cfg.Events, want)
		}
	}
	if spec := objectIn(got["StatefulSet guardduty-coverage-exporter"], "spec"); spec["replicas"] != len(data) {
		t.Errorf("%v replicas have %d configurations", spec["replicas"], len(data))
	}
	rules, err := filepath.Glob("../alerts/*.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range rules {
		var want map[string]any
		if err := yaml.Unmarshal(read(t, filepath.ToSlash(file)), &want); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".rules.yaml")
		if diff := cmp.Diff(any(want), got["PrometheusRule guardduty-coverage-exporter-"+name]["spec"]); diff != "" {
			t.Errorf("%s (-), the PrometheusRule (+):\n%s", file, diff)
		}
	}
	boards, err := filepath.Glob("../dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range boards {
		base := filepath.Base(file)
		data := objectIn(got["ConfigMap guardduty-coverage-exporter-dashboard-"+strings.TrimSuffix(base, ".json")], "data")
		if data["guardduty-coverage-"+base] != string(read(t, filepath.ToSlash(file))) {
			t.Errorf("the ConfigMap of %s has other contents", file)
		}
	}
}
