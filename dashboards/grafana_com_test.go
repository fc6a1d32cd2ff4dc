package dashboards_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the dashboards for grafana.com")

// grafanaCom is the directory of the dashboards for grafana.com. It is not beside
// the others because Grafana provisions a directory with those below it.
const grafanaCom = "../deploy/grafana.com"

// forGrafanaCom returns a dashboard that asks for its data source when it is
// imported, and says which version of Grafana and which panels it needs.
func forGrafanaCom(t *testing.T, whole []byte) []byte {
	t.Helper()
	const input, version = "DS_PROMETHEUS", "9.3.0"
	decoder := json.NewDecoder(bytes.NewReader(whole))
	decoder.UseNumber()
	var d map[string]any
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	d["__inputs"] = []any{map[string]any{
		"name": input, "label": "Prometheus", "description": "The Prometheus that scrapes the exporter.",
		"type": "datasource", "pluginId": "prometheus", "pluginName": "Prometheus",
	}}
	d["__elements"] = map[string]any{}
	requires := []any{
		map[string]any{"type": "grafana", "id": "grafana", "name": "Grafana", "version": version},
		map[string]any{"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
	}
	names := map[string]string{
		"bargauge": "Bar gauge", "gauge": "Gauge", "stat": "Stat", "state-timeline": "State timeline", "table": "Table", "timeseries": "Time series",
	}
	used := make(map[string]bool)
	for _, p := range parse(t, whole).Panels {
		used[p.Type] = p.Type != "row"
	}
	for _, kind := range slices.Sorted(maps.Keys(used)) {
		if used[kind] {
			requires = append(requires, map[string]any{"type": "panel", "id": kind, "name": names[kind], "version": ""})
		}
	}
	d["__requires"] = requires
	templating, _ := d["templating"].(map[string]any)
	variables, _ := templating["list"].([]any)
	for _, v := range variables {
		if v, ok := v.(map[string]any); ok && v["type"] == "datasource" {
			v["current"] = map[string]any{"selected": false, "text": "${" + input + "}", "value": "${" + input + "}"}
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestGrafanaCom compares the dashboards for grafana.com with those of this
// directory. With -update it writes them.
func TestGrafanaCom(t *testing.T) {
	if *update {
		if err := os.MkdirAll(grafanaCom, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files := slices.Sorted(maps.Keys(load(t)))
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, path := forGrafanaCom(t, whole), filepath.Join(grafanaCom, file)
		if n := bytes.Count(want, []byte(`"${DS_PROMETHEUS}"`)); n != 2 {
			t.Errorf("%s uses its input %d times, want 2: as text and value of the data source", path, n)
		}
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not that of %s; run go test ./dashboards -update", path, file)
		}
	}
	found, err := filepath.Glob(grafanaCom + "/*")
	if err != nil || len(found) != len(files) {
		t.Errorf("%v in %s, want %v; %v", found, grafanaCom, files, err)
	}
}

// TestPicture: the README shows a picture that loads fast.
func TestPicture(t *testing.T) {
	const name, most = "docs/images/overview.png", 300_000
	picture, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil || c.Width != 1600 || len(picture) > most {
		t.Errorf("%s has %d bytes and a width of %d, %v; run make dashboard-picture", name, len(picture), c.Width, err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, []byte("]("+name+")")) {
		t.Errorf("README.md does not show %s", name)
	}
}
