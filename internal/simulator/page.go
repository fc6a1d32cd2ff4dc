package simulator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var errInvalidToken = errors.New("invalid token")

// pageOf returns the page of the list in alphabetical order that begins after token,
// and the next token. scope are the operation and the parameters of the call. The
// error is errInvalidToken for a token of another scope.
func (s *Server) pageOf(list []string, limit int, token string, scope ...string) (page []string, next string, err error) {
	tokenScope := strings.Join(scope, "\n")
	var after string
	if token != "" && !s.tokens.Decode(tokenScope, token, &after) {
		return nil, "", errInvalidToken
	}
	slices.Sort(list)
	from, found := slices.BinarySearch(list, after)
	if found {
		from++
	}
	list = list[from:]
	if len(list) <= limit {
		return append([]string{}, list...), "", nil
	}
	page = list[:limit]
	if next, err = s.tokens.Encode(tokenScope, page[limit-1]); err != nil {
		return nil, "", fmt.Errorf("encode the page token: %w", err)
	}
	return page, next, nil
}
