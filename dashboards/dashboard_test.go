// Package dashboards_test checks the Grafana dashboards of this directory against
// the rules of Grafana and dashboard-linter and against the exporter's metrics, and
// runs their queries and those of the documents on a real Prometheus.
package dashboards_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// dashboard has the fields of a Grafana dashboard that the tests check.
type dashboard struct {
	ID            *int            `json:"id"`
	UID           string          `json:"uid"`
	Title         string          `json:"title"`
	Description   string          `json:"description"`
	Tags          []string        `json:"tags"`
	Editable      *bool           `json:"editable"`
	Refresh       string          `json:"refresh"`
	SchemaVersion int             `json:"schemaVersion"`
	Timezone      string          `json:"timezone"`
	Time          timeRange       `json:"time"`
	Links         []dashboardLink `json:"links"`
	Templating    struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []annotation `json:"list"`
	} `json:"annotations"`
	Panels []panel `json:"panels"`
}

type annotation struct {
	Datasource datasource `json:"datasource"`
	Enable     bool       `json:"enable"`
	Expr       string     `json:"expr"`
	IconColor  string     `json:"iconColor"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type dashboardLink struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Tags        []string `json:"tags"`
	URL         string   `json:"url"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type variable struct {
	Name       string          `json:"name"`
	Label      string          `json:"label"`
	Type       string          `json:"type"`
	Datasource datasource      `json:"datasource"`
	Definition string          `json:"definition"`
	Query      json.RawMessage `json:"query"` // an object for a query, else text
	Refresh    int             `json:"refresh"`
	Multi      bool            `json:"multi"`
	IncludeAll bool            `json:"includeAll"`
	AllValue   string          `json:"allValue"`
	Regex      string          `json:"regex"`
}

// anyValue returns a regular expression for all values of the variable.
func (v variable) anyValue() string {
	if v.AllValue == "" {
		return ".*"
	}
	return v.AllValue
}

// text returns the query of a variable in either form, or "".
func (v variable) text() string {
	var object struct {
		Query string `json:"query"`
		RefID string `json:"refId"`
	}
	if json.Unmarshal(v.Query, &object) == nil && object.RefID != "" {
		return object.Query
	}
	var text string
	if json.Unmarshal(v.Query, &text) == nil {
		return text
	}
	return ""
}

type panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description"`
	Datasource      datasource       `json:"datasource"`
	GridPos         gridPos          `json:"gridPos"`
	Targets         []target         `json:"targets"`
	Panels          []panel          `json:"panels"`
	Transformations []transformation `json:"transformations"`
	FieldConfig     struct {
		Defaults  field      `json:"defaults"`
		Overrides []override `json:"overrides"`
	} `json:"fieldConfig"`
	Options struct {
		Legend struct {
			Placement string `json:"placement"`
		} `json:"legend"`
	} `json:"options"`
}

// field is the configuration of a panel's values.
type field struct {
	Unit        string     `json:"unit"`
	Links       []dataLink `json:"links"`
	DisplayName string     `json:"displayName"`
	NoValue     string     `json:"noValue"`
	Color       color      `json:"color"`
	Thresholds  thresholds `json:"thresholds"`
	Mappings    []mapping  `json:"mappings"`
}

type color struct {
	Mode       string `json:"mode"`
	FixedColor string `json:"fixedColor"`
}

type thresholds struct {
	Steps []step `json:"steps"`
}

type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// mapping maps values to texts: Options is a map of values, or has the condition.
type mapping struct {
	Type    string          `json:"type"`
	Options json.RawMessage `json:"options"`
}

// text is what is shown in the place of a value.
type text struct {
	Text  string `json:"text"`
	Color string `json:"color"`
}

type gridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

type target struct {
	RefID        string     `json:"refId"`
	Expr         string     `json:"expr"`
	LegendFormat string     `json:"legendFormat"`
	Format       string     `json:"format"`
	Instant      bool       `json:"instant"`
	Range        bool       `json:"range"`
	Datasource   datasource `json:"datasource"`
}

type transformation struct {
	ID      string `json:"id"`
	Options struct {
		ExcludeByName map[string]bool `json:"excludeByName"`
		IndexByName   map[string]int  `json:"indexByName"`
	} `json:"options"`
}

type override struct {
	Matcher struct {
		ID      string `json:"id"`
		Options string `json:"options"`
	} `json:"matcher"`
	Properties []struct {
		ID    string          `json:"id"`
		Value json.RawMessage `json:"value"`
	} `json:"properties"`
}

type dataLink struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// dataLinks returns the links of all fields of the panel.
func (p panel) dataLinks() []dataLink {
	links := p.FieldConfig.Defaults.Links
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			var more []dataLink
			if property.ID == "links" && json.Unmarshal(property.Value, &more) == nil {
				links = append(links, more...)
			}
		}
	}
	return links
}

const (
	overviewUID = "guardduty-coverage-overview"
	clusterUID  = "guardduty-coverage-cluster"
	exporterUID = "guardduty-coverage-exporter"
)

// load reads every dashboard of this directory, by file name.
func load(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]dashboard)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = parse(t, text)
	}
	return all
}

// parse reads a dashboard. The tag that names the owner of a cluster is team.
func parse(t *testing.T, text []byte) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte("tag_$owner_tag"), []byte("tag_team")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardFiles(t *testing.T) {
	want := map[string]string{
		"coverage-overview.json": overviewUID,
		"cluster.json":           clusterUID,
		"exporter.json":          exporterUID,
	}
	all := load(t)
	if len(all) != len(want) {
		t.Errorf("%d dashboards, want %d", len(all), len(want))
	}
	for file, uid := range want {
		if all[file].UID != uid {
			t.Errorf("%s has the uid %q, want %q", file, all[file].UID, uid)
		}
	}
}
