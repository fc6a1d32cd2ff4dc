package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// composeFile has no fields for settings that weaken a container, such as privileged, cap_add or network_mode.
type composeFile struct {
	Name      string             `yaml:"name"`
	Hardening yaml.Node          `yaml:"x-hardening"`
	Services  map[string]service `yaml:"services"`
	Volumes   map[string]any     `yaml:"volumes"`
}

type service struct {
	Image string `yaml:"image"`
	Build struct {
		Context    string `yaml:"context"`
		Dockerfile string `yaml:"dockerfile"`
	} `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Tmpfs       []string          `yaml:"tmpfs"`
	DependsOn   []string          `yaml:"depends_on"`
	ReadOnly    bool              `yaml:"read_only"`
	CapDrop     []string          `yaml:"cap_drop"`
	SecurityOpt []string          `yaml:"security_opt"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	file := readYAML[composeFile](t, "compose/docker-compose.yaml")
	if len(file.Services) != 4 {
		t.Fatalf("%d services, want exporter, prometheus, alertmanager and grafana", len(file.Services))
	}
	return file
}

// mounts returns the sources of the bind mounts by their path in the container.
func (s service) mounts() map[string]string {
	places := map[string]string{}
	for _, volume := range s.Volumes {
		if source, rest, _ := strings.Cut(volume, ":"); strings.HasPrefix(source, ".") {
			places[strings.TrimSuffix(rest, ":ro")] = path.Join("compose", source)
		}
	}
	return places
}

func TestComposeIsConfined(t *testing.T) {
	file := readCompose(t)
	published := map[string]string{}
	for name, s := range file.Services {
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: not read-only, with capabilities, or with new privileges: %+v", name, s)
		}
		if s.Build.Context == "" && !regexp.MustCompile(`:v?\d+\.\d+\.\d+$`).MatchString(s.Image) {
			t.Errorf("%s: the image %q has no version", name, s.Image)
		}
		for _, port := range s.Ports {
			match := regexp.MustCompile(`^127\.0\.0\.1:(\d+):\d+$`).FindStringSubmatch(port)
			if match == nil {
				t.Errorf("%s: the port %q is not bound to the loopback address", name, port)
			} else if other, taken := published[match[1]]; taken {
				t.Errorf("%s and %s use the same port %s", name, other, match[1])
			} else {
				published[match[1]] = name
			}
		}
		for _, other := range s.DependsOn {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is not a service", name, other)
			}
		}
	}
}

func TestComposeMountsExist(t *testing.T) {
	file := readCompose(t)
	for name, s := range file.Services {
		for _, source := range s.mounts() {
			if _, err := os.Stat(source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			_, declared := file.Volumes[source]
			bound := strings.HasPrefix(source, ".") && strings.HasSuffix(volume, ":ro")
			if !declared && !bound {
				t.Errorf("%s: %s is neither a declared volume nor a read-only mount", name, volume)
			}
		}
		if build := s.Build; build.Context != "" {
			if _, err := os.Stat(path.Join("compose", build.Context, build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// prometheusConfig is the part of the Prometheus configuration that the tests use.
type prometheusConfig struct {
	Global    map[string]string `yaml:"global"`
	RuleFiles []string          `yaml:"rule_files"`
	Alerting  struct {
		Alertmanagers []scrapeConfig `yaml:"alertmanagers"`
	} `yaml:"alerting"`
	ScrapeConfigs []scrapeConfig `yaml:"scrape_configs"`
}

type scrapeConfig struct {
	JobName       string `yaml:"job_name"`
	StaticConfigs []struct {
		Targets []string `yaml:"targets"`
	} `yaml:"static_configs"`
}

func TestComposePrometheusKnowsTheOthers(t *testing.T) {
	file := readCompose(t)
	cfg := readYAML[prometheusConfig](t, "compose/prometheus.yml")
	ports := map[string]string{}
	for name, s := range file.Services {
		ports[name] = s.Ports[0][strings.LastIndex(s.Ports[0], ":")+1:]
	}
	var targets []string
	for _, scrape := range append(cfg.ScrapeConfigs, cfg.Alerting.Alertmanagers...) {
		for _, static := range scrape.StaticConfigs {
			targets = append(targets, static.Targets...)
		}
	}
	for _, target := range targets {
		if host, port, _ := strings.Cut(target, ":"); host != "127.0.0.1" && ports[host] != port {
			t.Errorf("Prometheus scrapes %s, but that service has the port %q", target, ports[host])
		}
	}
	if !slices.Contains(targets, "exporter:10871") || !slices.Contains(targets, "alertmanager:9093") {
		t.Errorf("Prometheus scrapes only %v", targets)
	}
	if want := []string{"demo", "--web.listen-address=0.0.0.0:" + ports["exporter"]}; !slices.Equal(file.Services["exporter"].Command, want) {
		t.Errorf("the exporter's command is %q, want %q", file.Services["exporter"].Command, want)
	}
}

func TestComposePrometheusLoadsTheAlerts(t *testing.T) {
	prometheus := readCompose(t).Services["prometheus"]
	cfg := readYAML[prometheusConfig](t, "compose/prometheus.yml")
	text := read(t, "compose/prometheus.yml")
	for _, glob := range cfg.RuleFiles {
		local := filepath.Join(prometheus.mounts()[path.Dir(glob)], path.Base(glob))
		if found, err := filepath.Glob(local); err != nil || len(found) == 0 {
			t.Errorf("no rules in %s: %v", local, err)
		}
		absolute, err := filepath.Abs(local)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte(glob), []byte(absolute))
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: Prometheus's own check is left out")
	}
	local := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(local, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "config", local).CombinedOutput(); err != nil {
		t.Errorf("promtool check config: %v\n%s", err, out)
	}
}

func TestComposeProvisionsGrafana(t *testing.T) {
	grafana := readCompose(t).Services["grafana"]
	mounts := grafana.mounts()
	type source struct {
		Name      string            `yaml:"name"`
		UID       string            `yaml:"uid"`
		Type      string            `yaml:"type"`
		Access    string            `yaml:"access"`
		URL       string            `yaml:"url"`
		IsDefault bool              `yaml:"isDefault"`
		Editable  bool              `yaml:"editable"`
		JSONData  map[string]string `yaml:"jsonData"`
	}
	sources := readYAML[struct {
		APIVersion  int      `yaml:"apiVersion"`
		DataSources []source `yaml:"datasources"`
	}](t, mounts["/etc/grafana/provisioning/datasources"]+"/prometheus.yaml")
	want := []source{{
		Name: "Prometheus", UID: "prometheus", Type: "prometheus", Access: "proxy", URL: "http://prometheus:9090", IsDefault: true,
		JSONData: map[string]string{
			"timeInterval": readYAML[prometheusConfig](t, "compose/prometheus.yml").Global["scrape_interval"], "httpMethod": "POST",
		},
	}}
	if diff := cmp.Diff(want, sources.DataSources); diff != "" {
		t.Error(diff)
	}

	providers := readYAML[struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name            string            `yaml:"name"`
			Type            string            `yaml:"type"`
			Folder          string            `yaml:"folder"`
			DisableDeletion bool              `yaml:"disableDeletion"`
			AllowUIUpdates  bool              `yaml:"allowUiUpdates"`
			Options         map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}](t, mounts["/etc/grafana/provisioning/dashboards"]+"/guardduty-coverage.yaml")
	dashboards := mounts[providers.Providers[0].Options["path"]]
	if found, err := filepath.Glob(filepath.Join(dashboards, "*.json")); err != nil || len(found) == 0 || dashboards == "" {
		t.Errorf("no dashboards in %q: %v", dashboards, err)
	}
}
