package repotest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// rooms says which packages of this module each package may import. A new
// package has to find its place here, unless it has nothing but tests.
func rooms() map[string][]string {
	coverage, reader := []string{"internal/coverage"}, []string{"internal/awserr", "internal/coverage", "internal/paging"}
	return map[string][]string{
		"main": {"internal/app", "internal/config", "internal/iampolicy"},
		"internal/app": {
			"collector", "internal/awsregion", "internal/config", "internal/coverage", "internal/capacity", "internal/events",
			"internal/exposition", "internal/guardduty", "internal/organizations",
			"internal/refresh", "internal/session", "internal/simulator", "internal/store", "internal/web",
		},
		"collector":              coverage,
		"internal/awserr":        {"internal/awsregion", "internal/coverage", "internal/paging"},
		"internal/awsregion":     nil,
		"internal/capacity":      {"internal/awsregion", "internal/config"},
		"internal/events":        coverage,
		"internal/guardduty":     reader,
		"internal/organizations": reader,
		"internal/refresh":       {"internal/awserr", "internal/coverage"},
		"internal/store":         coverage,
		"internal/web":           coverage,
		"internal/coverage":      nil,
		"internal/config":        {"internal/awsregion"},
		"internal/exposition":    nil,
		"internal/iampolicy":     {"internal/config"},
		"internal/session":       {"internal/awserr", "internal/paging"},
		"internal/paging":        nil,
		"internal/simulator":     {"internal/awsregion"},
	}
}

// standardAlone are the packages that import nothing but the standard library.
func standardAlone() []string {
	return []string{"internal/coverage", "internal/paging", "internal/simulator"}
}

// border says where the import paths that begin so may be imported: in these
// packages, and in files of these names. Of several borders the first holds.
type border struct {
	prefix string
	rooms  []string
	files  []string
}

func borders() []border {
	return []border{
		{prefix: "github.com/aws/aws-sdk-go-v2/service/guardduty", rooms: []string{"internal/guardduty"}},
		{prefix: "github.com/aws/aws-sdk-go-v2/service/organizations", rooms: []string{"internal/organizations"}},
		{prefix: "github.com/aws/aws-sdk-go-v2/service/sqs", rooms: []string{"internal/events"}},
		{prefix: "github.com/aws/aws-sdk-go-v2/aws/arn", rooms: []string{"internal/app", "internal/config", "internal/session"}},
		{prefix: "github.com/aws/", rooms: []string{"internal/awserr", "internal/events", "internal/guardduty", "internal/organizations", "internal/session", "internal/app"}},
		{
			prefix: "github.com/prometheus/client_golang/",
			rooms:  []string{"internal/app"}, files: []string{"metrics.go", "collector.go"},
		},
		{prefix: "github.com/prometheus/exporter-toolkit/", rooms: []string{"main", "internal/app", "internal/web"}},
		{prefix: "github.com/alecthomas/kingpin/", rooms: []string{"main"}},
		{prefix: "go.yaml.in/yaml/v2", rooms: []string{"internal/web"}},
		{prefix: "go.yaml.in/", rooms: []string{"internal/config"}},
		{prefix: "gopkg.in/yaml", rooms: nil},
	}
}

// wrongArrows returns what a file imports and must not. Tests may import
// everything, for they set one part against another.
func wrongArrows(s source) []string {
	if s.isTest() || len(s.imports()) == 0 {
		return nil
	}
	allowed, ok := rooms()[s.room()]
	if !ok {
		return []string{s.room() + " has no row in the table of rooms"}
	}
	var wrong []string
	for _, imported := range s.imports() {
		if own, ok := strings.CutPrefix(imported, module+"/"); ok && !slices.Contains(allowed, own) {
			wrong = append(wrong, own+" is not for "+s.room()+" to import")
		}
		if !isStandard(imported) && imported != module+"/internal/awsregion" && slices.Contains(standardAlone(), s.room()) {
			wrong = append(wrong, imported+" is not of the standard library")
		}
		for _, b := range borders() {
			if !strings.HasPrefix(imported, b.prefix) {
				continue
			}
			if !slices.Contains(b.rooms, s.room()) && !slices.Contains(b.files, path.Base(s.path)) {
				wrong = append(wrong, fmt.Sprintf("%s stops at the border of %v", imported, slices.Concat(b.rooms, b.files)))
			}
			break
		}
	}
	return wrong
}

func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != module
}

func TestArrows(t *testing.T) {
	met := map[string]bool{}
	for _, s := range sources(t) {
		met[s.room()] = true
		for _, wrong := range wrongArrows(s) {
			t.Errorf("%s: %s", s.path, wrong)
		}
	}
	for room := range rooms() {
		if !met[room] {
			t.Errorf("the table of rooms has %s, which does not exist", room)
		}
	}
}

func TestWrongArrows(t *testing.T) {
	for _, c := range []struct {
		file, imported string
		wrong          int
	}{
		{"main.go", module + "/internal/app", 0},
		{"main.go", module + "/internal/store", 1},
		{"internal/store/store.go", module + "/internal/coverage", 0},
		{"internal/store/store.go", module + "/internal/refresh", 1},
		{"internal/store/store_test.go", module + "/internal/refresh", 0},
		{"internal/web/routes.go", module + "/internal/app", 1},
		{"internal/coverage/merge.go", "cmp", 0},
		{"internal/coverage/merge.go", "net/http", 0},
		{"internal/coverage/merge.go", "golang.org/x/text/unicode/norm", 1},
		{"internal/coverage/merge.go", module + "/internal/config", 2},
		{"internal/simulator/sts.go", "github.com/aws/aws-sdk-go-v2/aws", 2},
		{"internal/simulator/sts_test.go", "github.com/aws/aws-sdk-go-v2/aws", 0},
		{"internal/guardduty/client.go", "github.com/aws/aws-sdk-go-v2/service/guardduty/types", 0},
		{"internal/session/session.go", "github.com/aws/aws-sdk-go-v2/service/guardduty", 1},
		{"internal/session/session.go", "github.com/aws/smithy-go", 0},
		{"internal/config/config.go", "github.com/aws/aws-sdk-go-v2/aws/arn", 0},
		{"internal/config/config.go", "github.com/aws/aws-sdk-go-v2/aws", 1},
		{"internal/session/session.go", "github.com/prometheus/client_golang/prometheus", 1},
		{"internal/session/metrics.go", "github.com/prometheus/client_golang/prometheus", 0},
		{"internal/app/app.go", "go.yaml.in/yaml/v3", 1},
		{"internal/unheard/of.go", "fmt", 1},
	} {
		s := parse(t, c.file, []byte("package p\n\nimport \""+c.imported+"\"\n"))
		if wrong := wrongArrows(s); len(wrong) != c.wrong {
			t.Errorf("%s imports %s: %d wrong arrows %q, want %d", c.file, c.imported, len(wrong), wrong, c.wrong)
		}
	}
}
