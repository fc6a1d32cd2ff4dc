// Package paging reads listings page by page. The SDK's paginators do not stop, or
// stop early without an error, if a token repeats.
package paging

import (
	"errors"
	"fmt"
)

// ErrNoEnd means that a listing does not end.
var ErrNoEnd = errors.New("the listing does not end")

// Each calls read with the token of each page, nil for the first, until it
// returns no further token or an error. It fails with [ErrNoEnd] if a token
// repeats or there are more than maxPages. An error of read is wrapped with
// the number of its page.
func Each(maxPages int, read func(token *string) (next *string, err error)) error {
	var token *string
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		next, err := read(token)
		if err != nil {
			return fmt.Errorf("page %d: %w", page, err)
		}
		if next == nil || *next == "" {
			return nil
		}
		if seen[*next] {
			return fmt.Errorf("page %d: %w: its token is repeated", page, ErrNoEnd)
		}
		seen[*next] = true
		token = next
	}
	return fmt.Errorf("%w after %d pages", ErrNoEnd, maxPages)
}
