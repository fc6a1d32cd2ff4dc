package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// maxValues limits the number of values after aliases are expanded.
const maxValues = 250_000

// decoder decodes a YAML tree into a struct. The yaml tags of the structs are the schema. Unlike yaml.v3's decoder it
// reports every mistake, with its line and key, and in terms of the file instead of Go types.
type decoder struct {
	*errorList
	values int // seen so far
}

// decode decodes root into out, a pointer to a struct, and records every mistake; a value with a mistake is left unchanged. It reports whether
// the whole file was decoded.
func decode(errs *errorList, root *yaml.Node, out any) (whole bool) {
	d := &decoder{errorList: errs}
	errs.lines[""] = root.Line
	d.value("", root, reflect.ValueOf(out).Elem())
	if d.values > maxValues {
		errs.add("", 1, fmt.Sprintf("the file has more than %d values after aliases are expanded", maxValues))
		return false
	}
	return true
}

// value decodes node into out. For a null, out keeps its default.
func (d *decoder) value(key string, node *yaml.Node, out reflect.Value) {
	if d.values++; d.values > maxValues {
		return
	}
	node = resolve(node)
	if isNull(node) {
		return
	}
	if out.Type() == reflect.TypeFor[time.Duration]() {
		d.duration(key, node, out)
		return
	}
	if out.Type() == reflect.TypeFor[time.Time]() {
		d.date(key, node, out)
		return
	}
	switch out.Kind() {
	case reflect.Struct:
		d.mapping(key, node, out)
	case reflect.Pointer:
		d.block(key, node, out)
	case reflect.Slice:
		d.sequence(key, node, out)
	case reflect.Bool:
		d.boolean(key, node, out)
	case reflect.Int:
		d.integer(key, node, out)
	case reflect.Float64:
		d.number(key, node, out)
	case reflect.String:
		d.text(key, node, out)
	default:
		panic("config: no decoding for " + out.Type().String())
	}
}

func (d *decoder) mapping(key string, node *yaml.Node, out reflect.Value) {
	if !isMapping(node) {
		reason := "must be a mapping of keys, not " + describe(node)
		if key == "" { // the error names no key
			reason = "the file " + reason
		}
		d.add(key, d.line(key), reason)
		return
	}
	if out.CanAddr() {
		if o, ok := out.Addr().Interface().(interface{ setDefaults() }); ok {
			o.setDefaults()
		}
	}
	fields := fieldsByKey(out)
	entries := d.entries(key, node)
	for _, e := range entries {
		path := join(key, e.key)
		field, known := fields[e.key]
		if !known {
			d.unknownKey(key, e, absent(fields, entries))
			continue
		}
		d.lines[path] = e.line
		d.value(path, e.value, field)
	}
}

// block decodes a mapping that enables what it configures, even if it is empty.
func (d *decoder) block(key string, node *yaml.Node, out reflect.Value) {
	block := reflect.New(out.Type().Elem())
	d.mapping(key, node, block.Elem())
	out.Set(block)
}

// fieldsByKey returns the exported fields of a struct by their yaml tags.
func fieldsByKey(v reflect.Value) map[string]reflect.Value {
	fields := make(map[string]reflect.Value, v.NumField())
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "" {
			fields[key] = v.Field(i)
		}
	}
	return fields
}

// absent returns the keys that a mapping may have but does not.
func absent(fields map[string]reflect.Value, entries []entry) []string {
	var keys []string
	for key := range fields {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.key == key }) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (d *decoder) unknownKey(parent string, e entry, candidates []string) {
	shown := showKey(e.key)
	near := nearest(shown, candidates)
	intended := candidates
	if near != "" {
		intended = []string{near}
	}
	for _, key := range intended { // do not also report the intended key as missing
		d.markInvalid(join(parent, key))
	}
	reason := "unknown key" + didYouMean(near)
	if strings.HasPrefix(e.key, shown+":") {
		reason = "missing space after the colon"
	}
	d.add(join(parent, shown), e.line, reason)
}

func (d *decoder) sequence(key string, node *yaml.Node, out reflect.Value) {
	if !isList(node) {
		d.addf(key, "must be a list, not %s", describe(node))
		return
	}
	list := reflect.MakeSlice(out.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		path := fmt.Sprintf("%s[%d]", key, i)
		d.lines[path] = item.Line
		if isNull(resolve(item)) {
			d.addf(path, "must not be empty")
			continue
		}
		d.value(path, item, list.Index(i))
	}
	out.Set(list)
}

// text uses a scalar as it is written, so an unquoted account ID keeps its leading zero.
func (d *decoder) text(key string, node *yaml.Node, out reflect.Value) {
	switch node.ShortTag() {
	case "!!str", "!!int", "!!float", "!!timestamp":
		out.SetString(node.Value)
	case "!!bool":
		d.addf(key, "must be text, not true or false; quote the value")
	default:
		d.addf(key, "must be text, not %s", describe(node))
	}
}

func (d *decoder) duration(key string, node *yaml.Node, out reflect.Value) {
	if node.Kind != yaml.ScalarNode {
		d.addf(key, "must be a duration such as 30s, 5m or 1h30m, not %s", describe(node))
		return
	}
	if _, err := strconv.ParseFloat(node.Value, 64); err == nil {
		d.addf(key, "%s has no unit; write a duration such as 30s, 5m or 1h30m", show(node))
		return
	}
	parsed, err := model.ParseDuration(node.Value)
	if err != nil {
		d.addf(key, "%s is not a duration such as 30s, 5m or 1h30m", quote(node.Value))
		return
	}
	out.SetInt(int64(parsed))
}

func (d *decoder) date(key string, node *yaml.Node, out reflect.Value) {
	if node.Kind != yaml.ScalarNode {
		d.addf(key, "must be a date such as 2027-03-01, not %s", describe(node))
		return
	}
	parsed, err := time.Parse(time.DateOnly, node.Value)
	if err != nil {
		d.addf(key, "%s is not a date such as 2027-03-01", quote(node.Value))
		return
	}
	out.Set(reflect.ValueOf(parsed))
}

func (d *decoder) boolean(key string, node *yaml.Node, out reflect.Value) {
	var value bool
	if node.ShortTag() != "!!bool" || node.Decode(&value) != nil {
		d.addf(key, "must be true or false, not %s", show(node))
		return
	}
	out.SetBool(value)
}

func (d *decoder) integer(key string, node *yaml.Node, out reflect.Value) {
	value, err := strconv.Atoi(node.Value)
	if node.ShortTag() != "!!int" || err != nil {
		d.addf(key, "must be a whole number, not %s", show(node))
		return
	}
	out.SetInt(int64(value))
}

func (d *decoder) number(key string, node *yaml.Node, out reflect.Value) {
	tag := node.ShortTag()
	value, err := strconv.ParseFloat(node.Value, 64)
	if tag != "!!int" && tag != "!!float" || err != nil {
		d.addf(key, "must be a number, not %s", show(node))
		return
	}
	out.SetFloat(value)
}
