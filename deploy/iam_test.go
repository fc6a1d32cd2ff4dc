package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	sdk            = "github.com/aws/aws-sdk-go-v2/"
	callerIdentity = "sts:GetCallerIdentity" // needs no permission
)

// The calls that the exporter does not make.
const (
	deepPackage = "../internal/deep/"                // of diagnose --deep
	doctorFile  = "../internal/events/attributes.go" // of doctor
)

// usedActions returns the IAM actions of all AWS calls in the exporter's code, sorted.
func usedActions(t *testing.T) []string {
	t.Helper()
	return actionsIn(t, "..", func(file string) bool { return !strings.HasPrefix(file, deepPackage) && file != doctorFile })
}

// actionsIn returns the IAM actions of the AWS calls in the files under a folder, sorted. A call is recognized by its Input
// type, and AssumeRole by the SDK's provider.
func actionsIn(t *testing.T, folder string, include func(file string) bool) []string {
	t.Helper()
	used := map[string]bool{}
	err := filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || !include(filepath.ToSlash(name)) {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		collectActions(file, used)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(used))
}

func collectActions(file *ast.File, used map[string]bool) {
	services := map[string]string{} // by the local name of the package
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if imported == sdk+"credentials/stscreds" {
			used["sts:AssumeRole"] = true
		}
		service, ok := strings.CutPrefix(imported, sdk+"service/")
		if !ok || strings.Contains(service, "/") {
			continue
		}
		name := service
		if spec.Name != nil {
			name = spec.Name.Name
		}
		services[name] = service
	}
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		operation, isInput := strings.CutSuffix(selector.Sel.Name, "Input")
		if pkg, ok := selector.X.(*ast.Ident); ok && isInput && services[pkg.Name] != "" {
			if services[pkg.Name] == "sqs" {
				operation = strings.TrimSuffix(operation, "Batch") // needs no action of its own
			}
			if operation != "AssumeRoleWithWebIdentity" { // which is not signed
				used[services[pkg.Name]+":"+operation] = true
			}
		}
		return true
	})
}

// everything is a configuration that makes every kind of call.
const everything = `targets:
- role_arn: arn:aws:iam::111122223333:role/guardduty-coverage
  regions: [all]
  resource_types: [ECS, EC2, EKS]
  detector: true
  members: true
  account_names: true
  ecs: {scope: all}
events:
- queue_url: https://sqs.us-east-1.amazonaws.com/111122223333/guardduty-coverage-events-1
  role_arn: arn:aws:iam::111122223333:role/guardduty-coverage
`

func TestPoliciesAllowWhatIsCalledAndNoMore(t *testing.T) {
	allowed := append(policyFor(t, everything, "exporter").actions(t), policyFor(t, everything, "111122223333").actions(t)...)
	needed := slices.DeleteFunc(usedActions(t), func(action string) bool { return action == callerIdentity })
	slices.Sort(allowed)
	if diff := cmp.Diff(needed, allowed); diff != "" {
		t.Errorf("actions of the code (-) and of the policies (+):\n%s", diff)
	}
}

// The files are the policies of a target with all Regions, and of a queue with a role.
func TestPolicyFilesAreThoseOfAConfiguration(t *testing.T) {
	const (
		role   = "arn:aws:iam::111122223333:role/guardduty-coverage"
		target = "targets: [{role_arn: '" + role + "', regions: [all]}]\n"
		queue  = "events: [{role_arn: '" + role + "', queue_url: " +
			"'https://sqs.us-east-1.amazonaws.com/111122223333/guardduty-coverage-events-1'}]\n"
	)
	for name, of := range map[string]struct{ configuration, principal string }{
		"iam/delegated-administrator.json": {target, role},
		"iam/assume-roles.json":            {target, "exporter"},
		"iam/read-events.json":             {queue, role},
	} {
		if diff := cmp.Diff(policyFor(t, of.configuration, of.principal), readJSON[policy](t, name)); diff != "" {
			t.Errorf("policy for %s (-) and %s (+):\n%s", of.principal, name, diff)
		}
	}
}

func TestTrustPolicies(t *testing.T) {
	exporter := readManifests(t).ServiceAccount
	account := exporter.Metadata.Namespace + ":" + exporter.Metadata.Name

	trust := single(t, "iam/trust-policy.json")
	if diff := cmp.Diff(map[string]string{"AWS": exporter.Metadata.Annotations[roleAnnotation]}, trust.Principal); diff != "" {
		t.Errorf("the trusted principal is not the role of the exporter:\n%s", diff)
	}
	if trust.Condition["StringEquals"]["sts:ExternalId"] == "" || len(trust.Condition) != 1 {
		t.Errorf("the role is assumed without an external ID: %v", trust.Condition)
	}
	if diff := cmp.Diff(list{"sts:AssumeRole"}, trust.Action); diff != "" {
		t.Errorf("trust-policy.json:\n%s", diff)
	}

	irsa := single(t, "iam/trust-policy-irsa.json")
	_, provider, _ := strings.Cut(irsa.Principal["Federated"], ":oidc-provider/")
	want := map[string]map[string]string{"StringEquals": {
		provider + ":aud": "sts.amazonaws.com",
		provider + ":sub": "system:serviceaccount:" + account,
	}}
	if diff := cmp.Diff(want, irsa.Condition); diff != "" || provider == "" {
		t.Errorf("trust-policy-irsa.json with the provider %q:\n%s", provider, diff)
	}

	identity := single(t, "iam/trust-policy-pod-identity.json").Condition["StringEquals"]
	tagged := identity["aws:RequestTag/kubernetes-namespace"] + ":" + identity["aws:RequestTag/kubernetes-service-account"]
	if tagged != account {
		t.Errorf("trust-policy-pod-identity.json is for the service account %s, want %s", tagged, account)
	}
}

// single returns the only statement of a trust policy.
func single(t *testing.T, name string) statement {
	t.Helper()
	p := readJSON[policy](t, name)
	p.actions(t)
	if len(p.Statement) != 1 || len(p.Statement[0].Resource) != 0 || len(p.Statement[0].Principal) != 1 {
		t.Fatalf("%s is not a trust policy of one statement with one principal", name)
	}
	return p.Statement[0]
}

// The document links every file, has no broken link and a row for every action of
// the exporter; docs/diagnose.md has those of diagnose --deep, docs/doctor.md those of
// doctor.
func TestIAMDocument(t *testing.T) {
	document := string(read(t, "../docs/iam.md"))
	files, err := filepath.Glob("iam/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in deploy/iam: %v", err)
	}
	for _, file := range files {
		if !strings.Contains(document, "(../deploy/"+filepath.ToSlash(file)+")") {
			t.Errorf("docs/iam.md does not link deploy/%s", file)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)[^):]*\)`).FindAllStringSubmatch(document, -1) {
		if _, err := os.Stat(filepath.FromSlash("../docs/" + link[1])); err != nil {
			t.Errorf("docs/iam.md has a broken link: %v", err)
		}
	}
	for _, action := range usedActions(t) {
		if !strings.Contains(document, "| `"+action+"` |") {
			t.Errorf("docs/iam.md has no row for %s", action)
		}
	}
	for document, actions := range map[string][]string{
		"../docs/diagnose.md": actionsIn(t, deepPackage, func(string) bool { return true }),
		"../docs/doctor.md":   actionsIn(t, "../internal/events", func(file string) bool { return file == doctorFile }),
	} {
		if len(actions) == 0 {
			t.Errorf("no calls for %s", document)
		}
		text := string(read(t, document))
		for _, action := range actions {
			if !strings.Contains(text, strconv.Quote(action)) {
				t.Errorf("%s does not allow %s", document, action)
			}
		}
	}
}
