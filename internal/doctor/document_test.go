package doctor

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the table in docs/verification.md")

// TestVerificationDocument compares the table in docs/verification.md with the code.
func TestVerificationDocument(t *testing.T) {
	const file = "../../docs/verification.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const header = "| ID | Assumption | What depends on it | If it is wrong |\n|---|---|---|---|\n"
	before, table, ok := strings.Cut(string(text), header)
	if !ok {
		t.Fatalf("%s has no table", file)
	}
	var want strings.Builder
	seen := map[string]bool{}
	for _, a := range Assumptions() {
		if a.ID == "" || a.Statement == "" || a.Dependent == "" || a.Otherwise == "" || seen[a.ID] {
			t.Errorf("an assumption is incomplete or repeated: %+v", a)
		}
		seen[a.ID] = true
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", a.ID, a.Statement, a.Dependent, a.Otherwise)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+header+want.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), table); diff != "" {
		t.Errorf("-code +%s:\n%s", file, diff)
	}
}
