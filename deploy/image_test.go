package deploy_test

import (
	"os"
	"strings"
	"testing"
)

// TestImage compares the Dockerfile with the manifests and the documents.
func TestImage(t *testing.T) {
	file, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	build, final, ok := strings.Cut(string(file), "\nFROM gcr.io/distroless/static-debian12:nonroot\n")
	if !ok || strings.Contains(final, "\nFROM ") {
		t.Fatal("the final image is not distroless static nonroot")
	}
	for _, want := range []string{"CGO_ENABLED=0 go build", "-trimpath", ".Version=${VERSION}", ".Revision=${REVISION}"} {
		if !strings.Contains(build, want) {
			t.Errorf("the build lacks %q", want)
		}
	}
	for _, want := range []string{"\nUSER 65532:65532\n", "\nEXPOSE 10871\n", "\nENTRYPOINT [\"/guardduty_coverage_exporter\"]\n"} {
		if !strings.Contains(final, want) {
			t.Errorf("the image lacks %q", strings.TrimSpace(want))
		}
	}
	if copied := strings.Count(final, "\nCOPY "); copied != 1 || strings.Contains(final, "\nRUN ") {
		t.Errorf("%d COPY instructions, want one and no RUN", copied)
	}
}
