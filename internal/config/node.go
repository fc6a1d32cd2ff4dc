package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// entries returns the keys of a mapping, its own first and then those that it merges in (<<), each key once. A key
// that the mapping itself has twice is a mistake.
func (d *decoder) entries(key string, node *yaml.Node) []entry {
	m := merger{decoder: d, key: key, first: map[string]int{}, open: map[*yaml.Node]bool{}}
	m.add(node, true)
	return m.entries
}

// merger collects the entries of one mapping.
type merger struct {
	*decoder
	key     string // of the mapping
	entries []entry
	first   map[string]int      // line of each key
	open    map[*yaml.Node]bool // mappings being added, which must not merge themselves
}

func (m *merger) add(node *yaml.Node, own bool) {
	if m.open[node] {
		m.report.add(join(m.key, "<<"), node.Line, "merges a mapping into itself")
		return
	}
	m.open[node] = true
	defer delete(m.open, node)
	var merged []*yaml.Node
	seen := map[string]int{} // in this mapping alone
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := resolve(node.Content[i]), node.Content[i+1]
		m.values++
		switch {
		case name.Kind != yaml.ScalarNode:
			m.report.add(m.key, name.Line, "a key must be a word, not "+describe(name))
			continue
		case name.ShortTag() == "!!merge":
			merged = append(merged, value)
			continue
		}
		if line, twice := seen[name.Value]; twice {
			if own {
				m.reportTwice(name, line)
			}
			continue
		}
		seen[name.Value] = name.Line
		if _, taken := m.first[name.Value]; !taken {
			m.first[name.Value] = name.Line
			m.entries = append(m.entries, entry{key: name.Value, line: name.Line, value: value})
		}
	}
	for _, value := range merged {
		m.merge(value)
	}
}

func (m *merger) reportTwice(name *yaml.Node, line int) {
	path := join(m.key, showKey(name.Value))
	m.report.add(path, name.Line, fmt.Sprintf("the key is given twice, first on line %d", line))
}

// merge adds what a << key names: a mapping, or a list of mappings of which the earlier win.
func (m *merger) merge(value *yaml.Node) {
	value = resolve(value)
	sources := []*yaml.Node{value}
	if isList(value) {
		sources = value.Content
	}
	for _, source := range sources {
		if m.values++; m.values > maxValues {
			return
		}
		source = resolve(source)
		if !isMapping(source) {
			m.report.add(join(m.key, "<<"), source.Line, "must merge a mapping of keys, not "+describe(source))
			continue
		}
		m.add(source, false)
	}
}

// resolve returns the node that an alias stands for, and any other node itself.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isMapping(node *yaml.Node) bool {
	return node.Kind == yaml.MappingNode && node.ShortTag() == "!!map"
}

func isList(node *yaml.Node) bool {
	return node.Kind == yaml.SequenceNode && node.ShortTag() == "!!seq"
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// describe names what kind of value a node is, without the value, which may be a misplaced secret.
func describe(node *yaml.Node) string {
	switch {
	case isMapping(node):
		return "a mapping"
	case isList(node):
		return "a list"
	case node.Kind != yaml.ScalarNode:
		return "a value with a tag of its own"
	}
	switch node.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!str", "!!timestamp":
		return "text"
	}
	return "a value with a tag of its own"
}

// show repeats the value of a scalar that cannot be a secret, and describes any other node.
func show(node *yaml.Node) string {
	switch kind := describe(node); kind {
	case "a number", "true or false":
		return cut(node.Value)
	case "text":
		return "the text " + quote(node.Value)
	default:
		return kind
	}
}

// showKey returns of an unknown key only what looks like a key: the rest may be a secret after a colon that lacks its space.
func showKey(key string) string {
	end := strings.IndexFunc(key, func(c rune) bool {
		return c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
	if end < 0 {
		end = len(key)
	}
	return key[:min(end, 64)]
}
