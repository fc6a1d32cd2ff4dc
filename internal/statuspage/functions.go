package statuspage

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// functions are those of the template.
func functions() template.FuncMap {
	return template.FuncMap{
		"age": age, "date": date, "iso": iso, "words": words, "code": code, "percent": percent, "state": state, "kind": kind,
		"next": next,
		"ptr":  func(t time.Time) *time.Time { return &t },
		"list": func(items ...any) []any { return items },
	}
}

// age returns the time from t until now in one unit, "3 h".
func age(now time.Time, t *time.Time) string {
	d := now.Sub(*t)
	if d < 0 {
		d = -d
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// next returns when a refresh starts.
func next(now time.Time, t *time.Time) string {
	if !t.After(now) {
		return "running"
	}
	return "in " + age(now, t)
}

func date(t *time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func iso(t *time.Time) string { return t.UTC().Format(time.RFC3339) }

// words returns a value of a label as words.
func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

// code returns a text as HTML, in which what is between backticks is code.
func code(text string) template.HTML {
	var out strings.Builder
	for i, part := range strings.Split(template.HTMLEscapeString(text), "`") {
		switch {
		case i == 0:
		case i%2 == 1:
			out.WriteString("<code>")
		default:
			out.WriteString("</code>")
		}
		out.WriteString(part)
	}
	if strings.Count(text, "`")%2 == 1 {
		out.WriteString("</code>")
	}
	return template.HTML(out.String()) //nolint:gosec // escaped above
}

// percent returns a percentage that is 100 only if all is covered.
func percent(p *float64) string {
	if *p < 100 && *p > 99.9 {
		return "99.9 %"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", *p), ".0") + " %"
}

// state returns the state of a target as words.
func state(s string) string {
	if s == "" {
		return "first refresh running"
	}
	return words(s)
}

// plain returns a text without its backticks.
func plain(s string) string { return strings.ReplaceAll(s, "`", "") }

// kind returns what resources of a type are.
func kind(resourceType string) string {
	if resourceType == "EC2" {
		return "EC2 instances"
	}
	return resourceType + " clusters"
}
