package exposition_test

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
)

// text returns the text of a page.
func text(t testing.TB, p *exposition.Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteText(&b); err != nil {
		t.Error(err)
	}
	return b.String()
}

func TestRender(t *testing.T) {
	for _, tc := range []struct {
		name  string
		write func(*exposition.Writer)
		want  string
	}{
		{"nothing", func(*exposition.Writer) {}, ""},
		{"a family without samples", func(w *exposition.Writer) { w.Family("a", "A.", nil) }, ""},
		{"no labels", func(w *exposition.Writer) {
			w.Family("a", "A.", nil)
			w.Sample(2.5)
		}, "# HELP a A.\n# TYPE a gauge\na 2.5\n"},
		{"labels are sorted, families and samples are not", func(w *exposition.Writer) {
			w.Family("b", "B.", []string{"z", "a", "m"})
			w.Sample(1, "z2", "a2", "m2")
			w.Sample(0, "z1", "a1", "m1")
			w.Family("none", "None.", []string{"x"})
			w.Family("a", "A.", []string{"x"})
			w.Sample(-1, "")
		}, "# HELP b B.\n# TYPE b gauge\n" +
			`b{a="a2",m="m2",z="z2"} 1` + "\n" + `b{a="a1",m="m1",z="z1"} 0` + "\n" +
			"# HELP a A.\n# TYPE a gauge\n" + `a{x=""} -1` + "\n"},
		{"the same labels twice", func(w *exposition.Writer) {
			w.Family("a", "A.", []string{"x"})
			w.Sample(1, "x")
			w.Sample(2, "x")
		}, "# HELP a A.\n# TYPE a gauge\n" + `a{x="x"} 1` + "\n" + `a{x="x"} 2` + "\n"},
		{"numbers", func(w *exposition.Writer) {
			w.Family("n", "N.", nil)
			for _, v := range []float64{
				0, math.Copysign(0, -1), 1, 100, 33.333333333333336, 1793536200.25, 1e21, math.MaxFloat64,
				math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1),
			} {
				w.Sample(v)
			}
		}, "# HELP n N.\n# TYPE n gauge\nn 0\nn 0\nn 1\nn 100\nn 33.333333333333336\nn 1.79353620025e+09\nn 1e+21\n" +
			"n 1.7976931348623157e+308\nn 5e-324\nn NaN\nn +Inf\nn -Inf\n"},
		{"texts", func(w *exposition.Writer) {
			w.Family("t", "a \"b\"\\\n\xffc", []string{"v"})
			for _, v := range []string{`quo"ted`, `back\slash`, "new\nline", "größe", "\xff\xfe", "a\xffb\"", "\x00\r\t", "# EOF"} {
				w.Sample(1, v)
			}
		}, `# HELP t a 'b'\\\n` + "\uFFFDc\n# TYPE t gauge\n" +
			`t{v="quo\"ted"} 1` + "\n" + `t{v="back\\slash"} 1` + "\n" + `t{v="new\nline"} 1` + "\n" + `t{v="größe"} 1` + "\n" +
			`t{v="` + "\uFFFD" + `"} 1` + "\n" + `t{v="a` + "\uFFFD" + `b\""} 1` + "\n" +
			"t{v=\"\x00\r\t\"} 1\n" + `t{v="# EOF"} 1` + "\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, text(t, exposition.Render(tc.write))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestRenderLargePage writes more than is compressed at a time.
func TestRenderLargePage(t *testing.T) {
	const samples = 20_000
	var want strings.Builder
	want.WriteString("# HELP m M.\n# TYPE m gauge\n")
	page := exposition.Render(func(w *exposition.Writer) {
		w.Family("m", "M.", []string{"a", "b"})
		for i := range samples {
			value := strings.Repeat(string(rune('a'+i%26)), i%200)
			w.Sample(float64(i+2), value, "x")
			want.WriteString(line("m", map[string]string{"a": value, "b": "x"}, float64(i+2)))
		}
	})
	if got := text(t, page); got != want.String() {
		t.Errorf("%d bytes, want %d; the texts differ", len(got), want.Len())
	}
}

// TestRenderYields: rendering pauses once after each MiB of text.
func TestRenderYields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pause = 50 * time.Microsecond
		value := strings.Repeat("a", 1000)
		for _, samples := range []int{0, 1000, 1100, 8600} {
			start := time.Now()
			page := exposition.Render(func(w *exposition.Writer) {
				w.Family("m", "M.", []string{"a"})
				for range samples {
					w.Sample(1, value)
				}
			})
			got, mebibytes := time.Since(start), len(text(t, page))>>20
			if want := time.Duration(mebibytes) * pause; got != want {
				t.Errorf("%d MiB: paused for %s, want %s", mebibytes, got, want)
			}
		}
	})
}

// recorder is an http.ResponseWriter that records the sizes of writes.
type recorder struct {
	header                http.Header
	count, largest, total int
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(int) {}

func (r *recorder) Write(text []byte) (int, error) {
	r.count++
	r.largest = max(r.largest, len(text))
	r.total += len(text)
	return len(text), nil
}

// TestUncompressedPageIsStreamed: the text of a large page is not buffered as a
// whole for a client without gzip.
func TestUncompressedPageIsStreamed(t *testing.T) {
	const mebibytes = 8
	page := exposition.Render(func(w *exposition.Writer) {
		w.Family("m", "M.", []string{"a"})
		value := strings.Repeat("a", 1<<10)
		for range mebibytes << 10 {
			w.Sample(1, value)
		}
	})
	sent := &recorder{header: http.Header{}}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	exposition.Handler(func() *exposition.Page { return page }, nothing).ServeHTTP(sent, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if want := len(text(t, page)); sent.total != want || want < mebibytes<<20 {
		t.Errorf("%d bytes written, want %d", sent.total, want)
	}
	if sent.count < mebibytes || sent.largest > 1<<20 {
		t.Errorf("%d writes, the largest of %d bytes", sent.count, sent.largest)
	}
}

// line returns a sample as expfmt writes it.
func line(name string, labels map[string]string, value float64) string {
	_, lines, _ := strings.Cut(string(libraryText(&dto.MetricFamily{
		Name: &name, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{
			Label: pairs(labels), Gauge: &dto.Gauge{Value: &value},
		}},
	})), "\n")
	return lines
}

func libraryText(f *dto.MetricFamily) []byte {
	var b bytes.Buffer
	if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestTooFewLabelValuesPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	exposition.Render(func(w *exposition.Writer) {
		w.Family("a", "A.", []string{"x", "y"})
		w.Sample(1, "x")
	})
}

// FuzzWriter compares a page with what expfmt writes for the same family.
func FuzzWriter(f *testing.F) {
	f.Add("Help.", "value", "another", 1.0, 0.5)
	f.Add("a\\\nb", "\"}\n# EOF\n", "\\", math.Inf(-1), 1e300)
	f.Add("größe \"x\"", "\xff", "\u202e\u2028", math.NaN(), math.Copysign(0, -1))
	f.Fuzz(func(t *testing.T, help, one, other string, value, next float64) {
		page := exposition.Render(func(w *exposition.Writer) {
			w.Family("name", help, []string{"z", "a"})
			w.Sample(value, one, other)
			w.Sample(next, other, one)
		})
		name, help := "name", strings.ReplaceAll(strings.ToValidUTF8(help, "\uFFFD"), `"`, "'")
		one, other = strings.ToValidUTF8(one, "\uFFFD"), strings.ToValidUTF8(other, "\uFFFD")
		want := libraryText(&dto.MetricFamily{
			Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum(),
			Metric: []*dto.Metric{
				{Label: pairs(map[string]string{"a": other, "z": one}), Gauge: &dto.Gauge{Value: &value}},
				{Label: pairs(map[string]string{"a": one, "z": other}), Gauge: &dto.Gauge{Value: &next}},
			},
		})
		got := text(t, page)
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("-expfmt +page:\n%s", diff)
		}
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q", got)
		}
	})
}
