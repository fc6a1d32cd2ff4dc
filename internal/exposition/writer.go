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
	// chunk is how much text is gathered before it is compressed, in bytes.
	chunk = 64 << 10
	// Where there are few processors, scrapes wait for one that has nothing else
	// to do, or 10 ms until the runtime looks at the network regardless. So one
	// is left to them for a moment after each MiB, which takes some 2 ms.
	rest = 50 * time.Microsecond
)

// Writer writes families of gauges, one after the other. Its methods are not
// safe for concurrent use.
type Writer struct {
	out  *flate.Writer
	text []byte // not compressed yet
	size int    // of the text compressed so far, in bytes
	sum  uint32 // CRC-32 of the text compressed so far

	// The family that is being written.
	head   string // its first lines, "" once they are written
	labels []label
	tail   string // between the last label value and the number
}

// label is where a label value stands, in the order of the labels' names.
type label struct {
	at     int    // among the values of a sample
	before string // the text between the value before and this one
}

func newWriter(to io.Writer) *Writer {
	out, err := flate.NewWriter(to, flate.BestSpeed)
	must(err)
	return &Writer{out: out, text: make([]byte, 0, chunk+chunk/4)}
}

// Family begins a family of gauges: the samples that follow are its. A family
// without samples is not on the page. Each name is written once and is valid in
// the classic sense, as are the names of labels. Quotation marks in the help
// become apostrophes, for the formats differ in how they escape them.
func (w *Writer) Family(name, help string, labels []string) {
	help = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `'`).Replace(strings.ToValidUTF8(help, "\uFFFD"))
	w.head = "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n"
	w.labels = w.labels[:0]
	for i := range labels {
		w.labels = append(w.labels, label{at: i})
	}
	slices.SortFunc(w.labels, func(a, b label) int { return cmp.Compare(labels[a.at], labels[b.at]) })
	separator := name + "{"
	for i, l := range w.labels {
		w.labels[i].before = separator + labels[l.at] + `="`
		separator = `",`
	}
	w.tail = `"} `
	if len(labels) == 0 {
		w.tail = name + " "
	}
}

// Sample writes a sample of the family, with the values of its labels in the
// order in which [Writer.Family] was given them. It panics where there are fewer
// values than labels. What is not UTF-8 in a value becomes U+FFFD. Samples stand
// on the page in the order in which they are written, and two with the same
// labels both do.
func (w *Writer) Sample(value float64, labelValues ...string) {
	text := w.text
	if w.head != "" {
		text = append(text, w.head...)
		w.head = ""
	}
	for _, l := range w.labels {
		text = append(text, l.before...)
		text = appendLabelValue(text, labelValues[l.at])
	}
	text = append(text, w.tail...)
	text = appendNumber(text, value)
	text = append(text, '\n')
	w.text = text
	if len(text) >= chunk {
		w.compress()
	}
}

// compress moves the text on.
func (w *Writer) compress() {
	w.sum = crc32.Update(w.sum, crc32.IEEETable, w.text)
	before := w.size
	w.size += len(w.text)
	_, err := w.out.Write(w.text)
	must(err)
	w.text = w.text[:0]
	if before>>20 != w.size>>20 { // another MiB is done
		time.Sleep(rest)
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
