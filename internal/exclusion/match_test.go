package exclusion_test

import (
	"fmt"
	"path"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// TestMatchName compares all short patterns and names with path.Match.
func TestMatchName(t *testing.T) {
	words := func(alphabet string, length int) []string {
		all := []string{""}
		for from := 0; length > 0; length-- {
			to := len(all)
			for _, word := range all[from:to] {
				for _, c := range alphabet {
					all = append(all, word+string(c))
				}
			}
			from = to
		}
		return all
	}
	names := words("ab", 5)
	for _, pattern := range words("ab*?", 5) {
		for _, name := range names {
			want, err := path.Match(pattern, name)
			if got := exclusion.MatchName(pattern, name); err != nil || got != want {
				t.Fatalf("%q matches %q: %t, want %t, %v", pattern, name, got, want, err)
			}
		}
	}
}

// BenchmarkMatchName matches a pattern with names that it does not match.
func BenchmarkMatchName(b *testing.B) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("some-cluster-name-of-a-team-%05d", i))
	}
	for _, pattern := range []string{"legacy-*", "*-legacy", "*-legacy-5", "*a*b*c*d*5"} {
		b.Run(pattern, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				exclusion.MatchName(pattern, names[i%len(names)])
			}
		})
	}
}
