package paging

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestEach(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name   string
		tokens []string // of the pages, the last one for ever; "!" is an error
		want   error
		pages  int
		says   string
	}{
		{"one page", []string{""}, nil, 1, ""},
		{"three pages", []string{"a", "b", ""}, nil, 3, ""},
		{"an error", []string{"a", "!"}, broken, 2, "page 2"},
		{"the same token for ever", []string{"a"}, ErrNoEnd, 2, "page 2"},
		{"two tokens in turn", []string{"a", "b", "a"}, ErrNoEnd, 3, "page 3"},
		{"more than the bound", []string{"a", "b", "c", "d", "e", "f"}, ErrNoEnd, 5, "5 pages"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked []string
			err := Each(5, func(token *string) (*string, error) {
				if token != nil {
					asked = append(asked, *token)
				}
				next := tc.tokens[0]
				if len(tc.tokens) > 1 {
					tc.tokens = tc.tokens[1:]
				}
				if next == "!" {
					return nil, broken
				}
				return &next, nil
			})
			if !errors.Is(err, tc.want) || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %v that says %q", err, tc.want, tc.says)
			}
			if len(asked) != tc.pages-1 || slices.Contains(asked, "") {
				t.Errorf("asked with the tokens %q, want %d of them", asked, tc.pages-1)
			}
		})
	}
}

func TestEachEndsWithoutAToken(t *testing.T) {
	if err := Each(1, func(*string) (*string, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
}
