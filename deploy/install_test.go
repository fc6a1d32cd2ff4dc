package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestInstallCommands compares the names in README.md with those that a release makes.
func TestInstallCommands(t *testing.T) {
	readme := string(read(t, "../README.md"))
	var release struct {
		ProjectName string `yaml:"project_name"`
		NFPMs       []struct {
			PackageName string `yaml:"package_name"`
			Contents    []struct{ Dst string }
		} `yaml:"nfpms"`
		Dockers []struct{ Images []string } `yaml:"dockers_v2"`
	}
	if err := yaml.Unmarshal(read(t, "../.goreleaser.yaml"), &release); err != nil {
		t.Fatal(err)
	}
	var chartFile struct{ Name, Version string }
	if err := yaml.Unmarshal(read(t, chart+"/Chart.yaml"), &chartFile); err != nil {
		t.Fatal(err)
	}
	var values struct{ Image struct{ Repository string } }
	if err := yaml.Unmarshal(read(t, chart+"/values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	version, image, name := chartFile.Version, release.Dockers[0].Images[0], release.NFPMs[0].PackageName
	if values.Image.Repository != image || !strings.Contains(string(read(t, "kubernetes/exporter.yaml")), "image: "+image+":"+version+"\n") {
		t.Errorf("the chart, the manifests and the release have different images; the release has %s", image)
	}
	registry := regexp.MustCompile(`oci://\S+`).FindString(string(read(t, "../.github/workflows/release.yml")))
	for _, want := range []string{
		"docker run --rm -p 127.0.0.1:10871:10871 " + image + ":" + version + " demo\n",
		"/v" + version + "/" + name + "_" + version + "_linux_amd64.deb\n",
		"dpkg --install " + name + "_" + version + "_linux_amd64.deb\n",
		"systemctl enable --now " + name + "\n",
		"helm install " + chartFile.Name + " " + registry + "/" + chartFile.Name + " \\\n  --version " + version + " ",
		release.ProjectName + "_" + version + "_linux_amd64.tar.gz\n",
		"go install " + regexp.MustCompile(`(?m)^module (\S+)$`).FindStringSubmatch(string(read(t, "../go.mod")))[1] + "@v" + version + "\n",
	} {
		if !strings.Contains(readme, want) {
			t.Errorf("README.md lacks %q", want)
		}
	}
	unit := string(read(t, "package/"+name+".service"))
	for _, path := range []string{"/etc/" + name + "/config.yaml", "/etc/default/" + name} {
		found := false
		for _, content := range release.NFPMs[0].Contents {
			found = found || content.Dst == path
		}
		if !found || !strings.Contains(unit, path) {
			t.Errorf("%s is not in the packages, or the unit does not read it", path)
		}
	}
}

// TestInstallValues renders the chart with the values of docs/install.md.
func TestInstallValues(t *testing.T) {
	got := render(t, yamlBlock(t, string(read(t, "../docs/install.md")), "config:\n"))
	for _, name := range []string{"Deployment", "ServiceMonitor", "NetworkPolicy"} {
		if got[name+" guardduty-coverage-exporter"] == nil {
			t.Errorf("the values of docs/install.md make no %s", name)
		}
	}
}

// TestDocumentsAreListed checks that docs/README.md lists every document.
func TestDocumentsAreListed(t *testing.T) {
	list := string(read(t, "../docs/README.md"))
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name != "README.md" && !strings.Contains(list, "("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)`).FindAllStringSubmatch(list, -1) {
		if _, err := os.Stat(filepath.FromSlash("../docs/" + link[1])); err != nil {
			t.Error(err)
		}
	}
}
