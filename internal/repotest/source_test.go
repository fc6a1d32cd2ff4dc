package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter"
	root   = "../.."
)

// source is one Go file of the repository.
type source struct {
	path   string // from the root, with slashes
	fset   *token.FileSet
	syntax *ast.File
	lines  int
}

func parse(t *testing.T, file string, content []byte) source {
	t.Helper()
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, file, content, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return source{path: file, fset: fset, syntax: syntax, lines: strings.Count(string(content), "\n")}
}

// room is the package's directory from the root, "main" for the root itself.
func (s source) room() string {
	if dir := path.Dir(s.path); dir != "." {
		return dir
	}
	return "main"
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

func (s source) imports() []string {
	var paths []string
	for _, spec := range s.syntax.Imports {
		unquoted, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		paths = append(paths, unquoted)
	}
	return paths
}

// sources parses every Go file of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, file := range files(t, ".", ".go") {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parse(t, file, content))
	}
	if len(all) == 0 {
		t.Fatal("there is no Go file: the root is wrong")
	}
	return all
}

// files returns the files below a directory of the repository with one of the
// endings, as paths from the root. There are none below a directory that does
// not exist. Hidden directories and those of test data are passed over.
func files(t *testing.T, dir string, endings ...string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(root), dir, func(file string, entry fs.DirEntry, err error) error {
		switch name := entryName(entry); {
		case err != nil && file == dir && os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && file != "." && (strings.HasPrefix(name, ".") || name == "testdata"):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		for _, ending := range endings {
			if strings.HasSuffix(file, ending) {
				found = append(found, file)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func entryName(entry fs.DirEntry) string {
	if entry == nil {
		return ""
	}
	return entry.Name()
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
