package deploy_test

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestImage compares the Dockerfile with the manifests and the documents.
func TestImage(t *testing.T) {
	file := string(read(t, "../Dockerfile"))
	stages := strings.Split(file, "\nFROM ")
	if len(stages) != 5 {
		t.Fatalf("%d stages, want build, base, release and the last one", len(stages)-1)
	}
	build, base, release, last := stages[1], stages[2], stages[3], stages[4]
	for part, wants := range map[string][]string{
		stages[0]: {"\nARG BASE=gcr.io/distroless/static-debian12:nonroot@sha256:"},
		build: {
			"--platform=$BUILDPLATFORM docker.io/library/golang:", "CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath",
			".Version=${VERSION}", ".Revision=${REVISION}",
		},
		base: {
			"${BASE} AS base\n", "\nUSER 65532:65532\n", "\nEXPOSE 10871\n", "\nENTRYPOINT [\"/guardduty_coverage_exporter\"]\n",
			"org.opencontainers.image.source=\"https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter\"",
			"\nCOPY LICENSE NOTICE /\n",
		},
		release: {"base AS release\n", "\nCOPY ${TARGETPLATFORM}/guardduty_coverage_exporter /guardduty_coverage_exporter"},
		last:    {"base\n", "\nCOPY --from=build /out/guardduty_coverage_exporter /guardduty_coverage_exporter\n"},
	} {
		for _, want := range wants {
			if !strings.Contains(part, want) {
				t.Errorf("the stage %.20q lacks %q", part, strings.TrimSpace(want))
			}
		}
	}
	if strings.Contains(base+release+last, "\nRUN ") || strings.Count(release+last, "\nCOPY ") != 2 {
		t.Error("the image contains more than the binary and its licences")
	}
	for _, image := range regexp.MustCompile(`(?m)^(?:FROM|ARG BASE=).*$`).FindAllString(file, -1) {
		if strings.Contains(image, "/") && !regexp.MustCompile(`[a-z.]+\.[a-z]+/\S+:\S+@sha256:[0-9a-f]{64}\b`).MatchString(image) {
			t.Errorf("%s has no registry, tag or digest", image)
		}
	}
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(string(read(t, "../go.mod")))
	if !strings.Contains(build, "/golang:"+version[1]+"-") {
		t.Errorf("the image is not built with Go %s of go.mod", version[1])
	}
}

// TestBuildContext checks that the image's build has every file that the binary is made of, and no document that it is not.
func TestBuildContext(t *testing.T) {
	allowed := func(file string) bool {
		included := true
		for line := range strings.Lines(string(read(t, "../.dockerignore"))) {
			pattern, include := strings.CutPrefix(strings.TrimSpace(line), "!")
			if pattern == "" || strings.HasPrefix(pattern, "#") {
				continue
			}
			match := pattern == "*" || strings.HasPrefix(file, pattern+"/")
			if in, ok := strings.CutPrefix(pattern, "**/"); ok {
				for _, part := range strings.Split(file, "/") {
					named, err := path.Match(in, part)
					match = match || named && err == nil
				}
			} else if named, err := path.Match(pattern, file); err == nil && named {
				match = true
			}
			if match {
				included = include
			}
		}
		return included
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	const format = `{{if and .Module .Module.Main}}{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{end}}`
	files := strings.Fields(command(t, []string{"GOOS=linux"}, "go", "list", "-deps", "-f", format, ".."))
	if len(files) < 50 {
		t.Fatalf("the binary is made of %d files", len(files))
	}
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil || !allowed(filepath.ToSlash(name)) {
			t.Errorf(".dockerignore excludes %s, which the binary is made of (%v)", name, err)
		}
	}
	for _, file := range []string{"README.md", "docs/iam.md", ".git/HEAD", "internal/app/build_test.go", "internal/simulator/testdata/x.json", "config.yaml"} {
		if allowed(file) {
			t.Errorf(".dockerignore lets %s into the build", file)
		}
	}
}
