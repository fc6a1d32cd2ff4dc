package exposition

import (
	"cmp"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

const (
	// chunk is how much text is buffered before it is compressed, in bytes.
	chunk = 64 << 10
	// A Writer pauses for yieldPause after each MiB. With GOMAXPROCS=1 a scrape
	// would otherwise wait up to 10 ms until the runtime polls the network; see
	// BenchmarkScrapeLatency in internal/app, processors=1.
	yieldPause = 50 * time.Microsecond
)

// Writer writes families of gauges, one after the other. It is not safe for
// concurrent use.
type Writer struct {
	out  *flate.Writer
	text []byte // not compressed yet
	size int    // of the text compressed so far, in bytes
	sum  uint32 // CRC-32 of the text compressed so far

	// The current family.
	head   string  // HELP and TYPE lines, "" after they are written
	labels []label // sorted by name
	tail   string  // between the last label value and the number
}

// label is a label of the current family.
type label struct {
	index  int    // into the label values of a sample
	before string // the text between the previous value and this one
}

func newWriter(to io.Writer) *Writer {
	out, err := flate.NewWriter(to, flate.BestSpeed)
	must(err)
	return &Writer{out: out, text: make([]byte, 0, chunk+chunk/4)}
}

// Family starts a family of gauges, to which the following samples belong. A
// family without samples is not written. name must be unique on the page, and
// name and labels must be valid legacy names. Double quotes in help become
// apostrophes because the formats differ in how they escape them.
func (w *Writer) Family(name, help string, labels []string) {
	help = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `'`).Replace(strings.ToValidUTF8(help, "\uFFFD"))
	w.head = "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n"
	w.labels = w.labels[:0]
	for i := range labels {
		w.labels = append(w.labels, label{index: i})
	}
	slices.SortFunc(w.labels, func(a, b label) int { return cmp.Compare(labels[a.index], labels[b.index]) })
	separator := name + "{"
	for i, l := range w.labels {
		w.labels[i].before = separator + labels[l.index] + `="`
		separator = `",`
	}
	w.tail = `"} `
	if len(labels) == 0 {
		w.tail = name + " "
	}
}

// Sample writes a sample of the current family. labelValues are in the order of
// the labels given to [Writer.Family]; Sample panics if there are fewer. Invalid
// UTF-8 in a value becomes U+FFFD. Samples are neither sorted nor deduplicated.
func (w *Writer) Sample(value float64, labelValues ...string) {
	text := w.text
	if w.head != "" {
		text = append(text, w.head...)
		w.head = ""
	}
	for _, l := range w.labels {
		text = append(text, l.before...)
		text = appendLabelValue(text, labelValues[l.index])
	}
	text = append(text, w.tail...)
	text = appendNumber(text, value)
	text = append(text, '\n')
	w.text = text
	if len(text) >= chunk {
		w.compress()
	}
}

// compress compresses the buffered text.
func (w *Writer) compress() {
	w.sum = crc32.Update(w.sum, crc32.IEEETable, w.text)
	before := w.size
	w.size += len(w.text)
	_, err := w.out.Write(w.text)
	must(err)
	w.text = w.text[:0]
	if before>>20 != w.size>>20 {
		time.Sleep(yieldPause) //nolint:forbidigo // a hint to the scheduler that nothing cancels
	}
}

func appendLabelValue(text []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; c == '"' || c == '\\' || c == '\n' || c >= 0x80 {
			return appendEscaped(text, value)
		}
	}
	return append(text, value...)
}

func appendEscaped(text []byte, value string) []byte {
	value = strings.ToValidUTF8(value, "\uFFFD")
	for i := range len(value) {
		switch c := value[i]; c {
		case '"', '\\':
			text = append(text, '\\', c)
		case '\n':
			text = append(text, '\\', 'n')
		default:
			text = append(text, c)
		}
	}
	return text
}

func appendNumber(text []byte, value float64) []byte {
	switch value {
	case 0: // of either sign
		return append(text, '0')
	case 1:
		return append(text, '1')
	}
	return strconv.AppendFloat(text, value, 'g', -1, 64)
}
