package dashboards_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// selector is a metric selector of a query.
type selector struct {
	metric   string
	matchers []string // such as region=~"$region"
	window   string   // range in brackets, or ""
	function string   // applied to the selector, or ""
}

// labels returns the labels that the matchers name.
func (s selector) labels() []string {
	var names []string
	for _, m := range s.matchers {
		names = append(names, labelName.FindString(m))
	}
	return names
}

// query has the names in a PromQL expression. It need not be valid PromQL.
type query struct {
	selectors []selector
	grouping  []string // labels of by, without, on, ignoring, group_left and group_right
	made      []string // labels that label_replace and label_join make
}

var (
	labelName = regexp.MustCompile(`^[a-zA-Z_]\w*`)
	token     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}|\[[^\]]*\]|\$\w+|[0-9][0-9.]*[a-z]*|[a-zA-Z_:][\w:]*|[(),]|[-+*/%^=!<>~]+`)
	anyOf     = regexp.MustCompile(`__name__=~"([\w|]+)"`)
	matcher   = regexp.MustCompile(`[a-zA-Z_]\w*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"`)
	grouping  = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	operators = []string{"and", "or", "unless", "offset", "bool", "NaN"}
)

// read parses the names in a PromQL expression.
func read(expr string) query {
	tokens := token.FindAllString(expr, -1)
	at := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return tokens[i]
	}
	var q query
	for i := 0; i < len(tokens); i++ {
		word := tokens[i]
		switch {
		case anyOf.MatchString(word): // the metrics of these names
			applied := ""
			if at(i-1) == "(" && strings.HasSuffix(at(i-2), "_over_time") {
				applied = at(i - 2)
			}
			matchers := slices.DeleteFunc(matcher.FindAllString(word, -1), anyOf.MatchString)
			for name := range strings.SplitSeq(anyOf.FindStringSubmatch(word)[1], "|") {
				q.selectors = append(q.selectors, selector{metric: name, matchers: matchers, function: applied})
			}
		case !labelName.MatchString(word) || slices.Contains(operators, word):
		case slices.Contains(grouping, word) && at(i+1) == "(":
			for i += 2; at(i) != ")" && at(i) != ""; i++ {
				if at(i) != "," {
					q.grouping = append(q.grouping, at(i))
				}
			}
		case at(i+1) == "(" || slices.Contains(grouping, at(i+1)): // a function or an aggregation
			if word == "label_replace" || word == "label_join" {
				if made := argument(tokens[i+1:], 1); made != "" {
					q.made = append(q.made, strings.Trim(made, `"`))
				}
			}
		default:
			s := selector{metric: word}
			if at(i-1) == "(" && labelName.MatchString(at(i-2)) {
				s.function = at(i - 2)
			}
			if strings.HasPrefix(at(i+1), "{") {
				i++
				s.matchers = matcher.FindAllString(at(i), -1)
			}
			if strings.HasPrefix(at(i+1), "[") {
				i++
				s.window = strings.Trim(at(i), "[]")
			}
			q.selectors = append(q.selectors, s)
		}
	}
	return q
}

// argument returns argument n, counted from 0, of the call whose opening
// parenthesis is the first token, or "" if it is not a single token.
func argument(tokens []string, n int) string {
	depth, seen := 0, 0
	for i, tok := range tokens {
		switch tok {
		case "(":
			depth++
		case ")":
			depth--
		case ",":
			if depth == 1 {
				if seen++; seen == n && i+1 < len(tokens) {
					return tokens[i+1]
				}
			}
		}
		if depth == 0 {
			break
		}
	}
	return ""
}

func TestRead(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want query
	}{
		{`up`, query{selectors: []selector{{metric: "up"}}}},
		{
			`100 * sum by (region) (rate(a_total{region=~"$region|all", x!="}("}[$__rate_interval])) / (b > 0)`,
			query{
				selectors: []selector{
					{metric: "a_total", matchers: []string{`region=~"$region|all"`, `x!="}("`}, window: "$__rate_interval", function: "rate"},
					{metric: "b"},
				},
				grouping: []string{"region"},
			},
		},
		{
			`label_replace(max(a, 1), "made", "$1", "x", "(.*)") unless on (p, q) a offset $window or 0 * time()`,
			query{
				selectors: []selector{{metric: "a", function: "max"}, {metric: "a"}},
				grouping:  []string{"p", "q"}, made: []string{"made"},
			},
		},
		{
			`label_join(max by (r) ({__name__=~"a|b", r=~"$r"}), "joined", " ", "r", "s")`,
			query{
				selectors: []selector{{metric: "a", matchers: []string{`r=~"$r"`}}, {metric: "b", matchers: []string{`r=~"$r"`}}},
				grouping:  []string{"r"}, made: []string{"joined"},
			},
		},
	} {
		if diff := cmp.Diff(tc.want, read(tc.expr), cmp.AllowUnexported(query{}, selector{})); diff != "" {
			t.Errorf("read(%s):\n%s", tc.expr, diff)
		}
	}
}
