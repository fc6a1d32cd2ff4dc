package repotest

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

const (
	maxFileLines     = 300
	maxTestFileLines = 600
	maxFuncLines     = 60
)

// breaches returns where a file does not keep the house rules.
func breaches(s source) []string {
	limit := maxFileLines
	if s.isTest() {
		limit = maxTestFileLines
	}
	var found []string
	if s.lines > limit {
		found = append(found, fmt.Sprintf("%d lines, of at most %d", s.lines, limit))
	}
	if s.isTest() {
		return found
	}
	for _, declaration := range s.syntax.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if f.Recv == nil && f.Name.Name == "init" {
			found = append(found, fmt.Sprintf("line %d: func init", s.line(f.Pos())))
		}
		if lines := s.line(f.End()) - s.line(f.Pos()) + 1; lines > maxFuncLines {
			found = append(found, fmt.Sprintf("line %d: %s has %d lines, of at most %d", s.line(f.Pos()), f.Name.Name, lines, maxFuncLines))
		}
	}
	if s.path == "main.go" {
		return found
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if name := rootContext(n); name != "" {
			found = append(found, fmt.Sprintf("line %d: %s, which is for main.go alone", s.line(n.Pos()), name))
		}
		return true
	})
	return found
}

// rootContext returns the name of what makes a context of nothing, "" for any
// other node.
func rootContext(n ast.Node) string {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := selector.X.(*ast.Ident)
	if !ok || pkg.Name != "context" || selector.Sel.Name != "Background" && selector.Sel.Name != "TODO" {
		return ""
	}
	return "context." + selector.Sel.Name
}

func TestHouseRules(t *testing.T) {
	for _, s := range sources(t) {
		for _, breach := range breaches(s) {
			t.Errorf("%s: %s", s.path, breach)
		}
	}
}

func TestBreaches(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	for _, c := range []struct {
		name, file, content string
		found               int
	}{
		{"nothing", "a/a.go", "func a() { use(ctx) }", 0},
		{"init", "a/a.go", "func init() {}", 1},
		{"a method of that name", "a/a.go", "func (t T) init() {}", 0},
		{"init of a test", "a/a_test.go", "func init() {}", 0},
		{"background", "a/a.go", "func a() { use(context.Background()) }", 1},
		{"to do, in a variable", "a/a.go", "var a = context.TODO()", 1},
		{"background in main", "main.go", "func a() { use(context.Background()) }", 0},
		{"background in another main.go", "a/main.go", "func a() { use(context.Background()) }", 1},
		{"background in a test", "a/a_test.go", "func a() { use(context.Background()) }", 0},
		{"longest function", "a/a.go", "func a() {" + lines(maxFuncLines-1) + "}", 0},
		{"too long a function", "a/a.go", "func a() {" + lines(maxFuncLines) + "}", 1},
		{"long function of a test", "a/a_test.go", "func a() {" + lines(maxFuncLines) + "}", 0},
		{"longest file", "a/a.go", lines(maxFileLines - 1), 0},
		{"too long a file", "a/a.go", lines(maxFileLines), 1},
		{"long file of tests", "a/a_test.go", lines(maxFileLines), 0},
		{"too long a file of tests", "a/a_test.go", lines(maxTestFileLines), 1},
	} {
		s := parse(t, c.file, []byte("package a\n"+c.content))
		if found := breaches(s); len(found) != c.found {
			t.Errorf("%s: %q, want %d", c.name, found, c.found)
		}
	}
}

// TestPackageComments asks for one comment of each package, for go doc joins
// several in the order of their files.
func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		comments[s.room()] += 0
		if s.syntax.Doc == nil {
			continue
		}
		comments[s.room()]++
		begin := "Package " + s.syntax.Name.Name + " "
		if s.syntax.Name.Name == "main" {
			begin = "Command " + binary + " "
		}
		if text := s.syntax.Doc.Text(); !strings.HasPrefix(text, begin) {
			t.Errorf("%s: the package comment does not begin with %q", s.path, begin)
		}
	}
	for room, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments", room, n)
		}
	}
}
