// Package paging reads listings that come in pages. The SDK's paginators go on
// for ever, or end early without an error, when a token comes again.
package paging

import (
	"errors"
	"fmt"
)

// ErrNoEnd says that a listing does not end.
var ErrNoEnd = errors.New("the listing does not end")

// Each calls read with the token of each page, nil for the first, until it
// returns no further token or an error. It fails with [ErrNoEnd] when a token
// comes again or there are more than maxPages. An error of read is wrapped with
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
			return fmt.Errorf("page %d: %w: its token came before", page, ErrNoEnd)
		}
		seen[*next] = true
		token = next
	}
	return fmt.Errorf("%w after %d pages", ErrNoEnd, maxPages)
}
