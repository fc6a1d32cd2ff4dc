package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	schemaPath = "../../docs/config.schema.json"
	schemaURL  = "https://raw.githubusercontent.com/guardduty-coverage-exporter/guardduty_coverage_exporter/main/docs/config.schema.json"
)

var update = flag.Bool("update", false, "write docs/config.schema.json")

// object is a part of a JSON Schema.
type object map[string]any

// schemaBuilder builds the JSON Schema of the configuration file from the types that it is decoded into, the patterns that
// it is validated with, and the meanings and defaults in the manual.
type schemaBuilder struct {
	manual map[string][2]string // default and meaning by key
	limits map[string]object    // what the types do not say, by key; of a list's items with [] at the end
}

func newSchemaBuilder(t *testing.T) *schemaBuilder {
	b := &schemaBuilder{manual: map[string][2]string{}, limits: limits()}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(read(t, manualPath), -1) {
		b.manual[row[1]] = [2]string{row[2], row[3]}
	}
	return b
}

// unanchored returns a pattern without ^ and $, to be part of another.
func unanchored(pattern string) string {
	return strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
}

// orEmpty lets a pattern match the empty text too, which means the default.
func orEmpty(pattern string) string { return "^(" + unanchored(pattern) + ")?$" }

func roleARNPattern(partition, account string) string {
	return "^arn:" + partition + ":iam::" + account + ":" + unanchored(roleNamePattern.String()) + "$"
}

// text is the value of a key that may be an unquoted number.
func text(limit object) object {
	limit["type"] = []string{"string", "number", "null"}
	return limit
}

// item is text in a list.
func item(limit object) object {
	limit["type"] = []string{"string", "number"}
	return limit
}

// printable is text that is not blank at its ends. Which characters are printable is not for a schema.
func printable() object {
	return text(object{"pattern": `^([^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?)?$`})
}

func words[S ~string](words ...S) object { return object{"enum": words} }

// loopback is the pattern of a loopback host with an optional port, with any IPv6 address.
const loopback = `(([^/@]*\.)?[lL][oO][cC][aA][lL][hH][oO][sS][tT]|127\.[\d.]+|\[[^\]]*\])(:\d+)?`

// limits returns what is valid beyond the types.
func limits() map[string]object {
	partition, account := unanchored(rolePartitionPattern.String()), unanchored(accountIDPattern.String())
	region := unanchored(awsregion.Pattern())
	m := map[string]object{
		"aws.profile":             printable(),
		"aws.requests_per_second": {"exclusiveMinimum": 0, "maximum": maxRequestsPerSecond},
		"issues.max_per_cluster":  {"minimum": 0, "maximum": maxIssuesPerCluster},
		"detail":                  {"enum": []any{DetailAll, DetailUnhealthy, "", nil}},
		"targets": {
			"minItems": 1, "contains": hasValue("account_names", object{"const": true}), "minContains": 0, "maxContains": 1,
		},
		"targets[].name":             printable(),
		"targets[].regions":          {"minItems": 1, "if": object{"contains": object{"const": allRegions}}, "then": object{"maxItems": 1}},
		"targets[].regions[]":        {"pattern": "^(" + allRegions + "|" + region + ")$"},
		"targets[].detector_id":      text(object{"pattern": orEmpty(detectorIDPattern.String())}),
		"targets[].resource_types":   {"minItems": 1},
		"targets[].resource_types[]": words(coverage.ECS, coverage.EC2, coverage.EKS),
		"targets[].ecs.scope":        {"enum": []any{ScopeUnhealthy, ScopeAll, "", nil}},
		"targets[].ecs.tags":         {"maxItems": maxECSTags},
		"targets[].ecs.tags[]":       item(object{"pattern": `^([A-Za-z0-9 _.:/=+@-]|[^\x00-\x7f])+$`, "maxLength": maxTagKeyLength}),
		"events[].queue_url":         {"type": "string", "pattern": "^(https://[^\\s?#@/]+|http://" + loopback + ")" + unanchored(queuePathPattern.String()) + "$"},
		"events[].region":            {"pattern": orEmpty(region)},
		"targets[].role_arn":         {"pattern": orEmpty(roleARNPattern(partition, account))},
		"events[].role_arn":          {"pattern": orEmpty(roleARNPattern(partition, account))},
		"targets[].ecs.role_arn":     {"pattern": orEmpty(roleARNPattern("("+partition+"|[{]partition[}])", "[{]account_id[}]"))},
		"targets[]":                  allOf(roleConditions(), targetConditions()...),
		"targets[].ecs":              allOf(roleConditions()),
		"events[]":                   allOf(roleConditions(), object{"required": []string{"queue_url"}}),
	}
	accountID := func() object {
		return object{"pattern": accountIDPattern.String(), "minimum": 0, "maximum": int64(999_999_999_999)}
	}
	for _, list := range []string{"equals", "not_equals"} {
		filter := "targets[].filter."
		m[filter+"account_id."+list+"[]"] = item(accountID())
		m[filter+"ecs_cluster_name."+list+"[]"] = item(object{"pattern": clusterNamePattern.String()})
		m[filter+"coverage_status."+list+"[]"] = words("HEALTHY", "UNHEALTHY")
		m[filter+"management_type."+list+"[]"] = words("AUTO_MANAGED", "MANUAL", "DISABLED")
	}
	maps.Copy(m, exclusionLimits(text(accountID()), object{"pattern": orEmpty(region)}))
	for _, mapping := range []string{"targets[].", "targets[].ecs.", "events[]."} {
		m[mapping+"external_id"] = text(object{"pattern": orEmpty(externalIDPattern.String()), "maxLength": maxExternalID})
		m[mapping+"external_id_file"] = printable()
		m[mapping+"role_session_name"] = text(object{"pattern": orEmpty(roleSessionNamePattern.String())})
	}
	m["targets[].name"]["maxLength"] = coverage.MaxTextBytes
	return m
}

// exclusionLimits are those of the exclusions, whose accounts and Regions have these limits.
func exclusionLimits(account, region object) map[string]object {
	account["pattern"] = orEmpty(accountIDPattern.String())
	issueTypesOrNone := []any{"", nil}
	for _, t := range issueTypes() {
		issueTypesOrNone = append(issueTypesOrNone, t)
	}
	m := map[string]object{
		"":                          {"not": object{"allOf": []object{hasValue("exclusions", object{"type": "array", "minItems": 1}), isSet("exclusions_file")}}},
		"exclusions":                {"maxItems": maxExclusions},
		"exclusions_file":           printable(),
		"exclusions[].name":         item(object{"pattern": exclusionNamePattern.String()}),
		"exclusions[].account_id":   account,
		"exclusions[].region":       region,
		"exclusions[].cluster_name": text(object{"pattern": orEmpty(clusterPatternPattern.String())}),
		"exclusions[].issue_type":   {"enum": issueTypesOrNone},
		"exclusions[].reason":       {"type": "string", "minLength": minReasonLength, "maxLength": maxExclusionReason, "pattern": printable()["pattern"]},
		"exclusions[].until":        {"type": "string", "pattern": `^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`, "format": "date"},
		"exclusions[].owner":        printable(),
		"exclusions[].ticket":       printable(),
		"exclusions[]": {
			"required": []string{"name", "reason", "until"},
			"anyOf":    []object{isSet("account_id"), hasValue("cluster_name", object{"not": object{"type": "null"}, "pattern": literalPattern.String()})},
		},
	}
	for _, key := range []string{"exclusions[].owner", "exclusions[].ticket"} {
		m[key]["maxLength"] = coverage.MaxTextBytes
	}
	return m
}

// isSet is the condition that a key has a value.
func isSet(key string) object {
	return hasValue(key, object{"not": object{"enum": []any{"", nil}}})
}

// roleConditions are those of validateSession.
func roleConditions() []object {
	all := []object{{"not": object{"allOf": []object{isSet("external_id"), isSet("external_id_file")}}}}
	for _, key := range []string{"external_id", "external_id_file", "role_session_name"} {
		all = append(all, object{"if": isSet(key), "then": isSet("role_arn")})
	}
	return all
}

// hasValue is the condition that a key is in the file and its value has this schema.
func hasValue(key string, schema object) object {
	return object{"type": "object", "required": []string{key}, "properties": object{key: schema}}
}

// targetConditions are those between the keys of a target other than the role's.
func targetConditions() []object {
	notEmpty := object{"type": "array", "minItems": 1}
	condition := object{"anyOf": []object{hasValue("equals", notEmpty), hasValue("not_equals", notEmpty)}}
	filtered := func(name string) object { return hasValue("filter", hasValue(name, condition)) }
	properties := func(key string, schema object) object { return object{"properties": object{key: schema}} }
	listsECS := properties("resource_types", object{"if": object{"type": "array"}, "then": object{"contains": object{"const": coverage.ECS}}})
	return []object{
		{"if": isSet("detector_id"), "then": properties("regions", object{"maxItems": 1, "not": object{"contains": object{"const": allRegions}}})},
		{"if": hasValue("ecs", object{"type": "object"}), "then": listsECS},
		{"if": filtered("ecs_cluster_name"), "then": listsECS},
		{
			"if":   object{"anyOf": []object{filtered("ecs_cluster_name"), filtered("coverage_status"), filtered("management_type")}},
			"then": properties("ecs", object{"not": hasValue("scope", object{"const": ScopeAll})}),
		},
	}
}

func allOf(all []object, more ...object) object { return object{"allOf": slices.Concat(all, more)} }

// build returns the schema of a type at key.
func (b *schemaBuilder) build(key string, typ reflect.Type) object {
	s := object{}
	switch {
	case typ == reflect.TypeFor[time.Duration]():
		s["type"] = []string{"string", "null"}
		s["pattern"], s["minLength"] = `^(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$`, 2
		s["allOf"] = []object{{"pattern": "[1-9]"}} // all have a minimum
	case typ == reflect.TypeFor[time.Time]():
		s["type"] = []string{"string", "null"}
	case typ.Kind() == reflect.Pointer:
		return b.build(key, typ.Elem())
	case typ.Kind() == reflect.Struct:
		s["type"], s["additionalProperties"] = []string{"object", "null"}, false
		properties := object{}
		for field := range typ.Fields() {
			if name := field.Tag.Get("yaml"); field.IsExported() && name != "" {
				properties[name] = b.build(join(key, name), field.Type)
			}
		}
		s["properties"] = properties
	case typ.Kind() == reflect.Slice:
		items := b.build(key+"[]", typ.Elem())
		if types, ok := items["type"].([]string); ok {
			items["type"] = types[0] // an item cannot be null
			if limit, ok := b.limits[key+"[]"]["type"]; ok {
				items["type"] = limit
			}
		}
		s["type"], s["items"] = []string{"array", "null"}, items
		if typ.Elem().Kind() == reflect.String {
			s["uniqueItems"] = true
		}
	default:
		kinds := map[reflect.Kind]string{
			reflect.Bool: "boolean", reflect.Int: "integer", reflect.Float64: "number", reflect.String: "string",
		}
		s["type"] = []string{kinds[typ.Kind()], "null"}
	}
	maps.Copy(s, b.limits[key])
	b.describe(s, key)
	return s
}

// describe adds what the manual says about a key.
func (b *schemaBuilder) describe(s object, key string) {
	row, ok := b.manual[key]
	if !ok {
		return
	}
	meaning := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(row[1], "$1")
	s["description"] = strings.ReplaceAll(strings.ReplaceAll(meaning, "`", ""), " See Files.", "")
	if value := strings.Trim(row[0], "`"); "`"+value+"`" == row[0] && b.manual[value][1] == "" {
		var decoded any
		if yaml.Unmarshal([]byte(value), &decoded) == nil {
			s["default"] = decoded
		}
	}
}

func (b *schemaBuilder) root() object {
	s := b.build("", reflect.TypeFor[Config]())
	s["$schema"], s["$id"] = "https://json-schema.org/draft/2020-12/schema", schemaURL
	s["title"] = "Configuration of guardduty_coverage_exporter"
	return s
}

// encodedSchema returns the schema as docs/config.schema.json is to have it.
func encodedSchema(t *testing.T) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(newSchemaBuilder(t).root()); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// TestSchemaIsCurrent compares docs/config.schema.json with the schema of the types.
func TestSchemaIsCurrent(t *testing.T) {
	got := encodedSchema(t)
	if *update {
		if err := os.WriteFile(schemaPath, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if string(got) != read(t, schemaPath) {
		t.Error("docs/config.schema.json is not the schema of the types; run make golden")
	}
	keys := schemaKeys("", reflect.TypeFor[Config]())
	for key := range limits() {
		known := slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, strings.TrimSuffix(key, "[]")) })
		if !known {
			t.Errorf("there is no key %s to limit", key)
		}
	}
}

func TestExampleNamesTheSchema(t *testing.T) {
	if first, _, _ := strings.Cut(read(t, examplePath), "\n"); first != "# yaml-language-server: $schema="+schemaURL {
		t.Errorf("the first line is %s", first)
	}
}
