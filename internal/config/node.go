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

// entries returns the keys of a mapping, first its own and then those from merge keys (<<), without duplicates. A
// duplicate among the mapping's own keys is a mistake.
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
	open    map[*yaml.Node]bool // mappings being added, to detect cycles
}

func (m *merger) add(node *yaml.Node, own bool) {
	if m.open[node] {
		m.errorList.add(join(m.key, "<<"), node.Line, "merges a mapping into itself")
		return
	}
	m.open[node] = true
	defer delete(m.open, node)
	var merged []*yaml.Node
	seen := map[string]int{} // in this mapping only
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := resolve(node.Content[i]), node.Content[i+1]
		m.values++
		switch {
		case name.Kind != yaml.ScalarNode:
			m.errorList.add(m.key, name.Line, "mapping keys must be scalars, not "+describe(name))
			continue
		case name.ShortTag() == "!!merge":
			merged = append(merged, value)
			continue
		}
		if line, duplicate := seen[name.Value]; duplicate {
			if own {
				m.addDuplicate(name, line)
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

func (m *merger) addDuplicate(name *yaml.Node, line int) {
	path := join(m.key, showKey(name.Value))
	m.errorList.add(path, name.Line, fmt.Sprintf("duplicate key, first set on line %d", line))
}

// merge adds the value of a << key: a mapping, or a list of mappings in which earlier ones have precedence.
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
			m.errorList.add(join(m.key, "<<"), source.Line, "must be a mapping or a list of mappings, not "+describe(source))
			continue
		}
		m.add(source, false)
	}
}

// resolve returns the node that an alias refers to, or node itself if it is not an alias.
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

// describe returns the kind of a node without its value, which may be a misplaced secret.
func describe(node *yaml.Node) string {
	switch {
	case isMapping(node):
		return "a mapping"
	case isList(node):
		return "a list"
	case node.Kind != yaml.ScalarNode:
		return "a value with a custom tag"
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
	return "a value with a custom tag"
}

// show returns the value of a scalar, and the kind of any other node.
func show(node *yaml.Node) string {
	switch kind := describe(node); kind {
	case "a number", "true or false":
		return truncate(node.Value)
	case "text":
		return "the text " + quote(node.Value)
	default:
		return kind
	}
}

// showKey returns the part of an unknown key that looks like a key. The rest may be a secret after a colon without a
// space.
func showKey(key string) string {
	end := strings.IndexFunc(key, func(c rune) bool {
		return c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
	if end < 0 {
		end = len(key)
	}
	return key[:min(end, 64)]
}
