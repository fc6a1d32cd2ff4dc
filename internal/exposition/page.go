// Package exposition serves /metrics. The page of coverage metrics is rendered
// and compressed once per change. Each scrape sends its bytes, followed by the
// exporter's own metrics, which are gathered and compressed at that time.
//
// A page is valid both in the text format 0.0.4 and in OpenMetrics 1.0, because
// it has only gauges and is limited to what both formats read alike.
package exposition

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
)

// Page is a text in the exposition format, kept compressed. It is immutable and
// safe for concurrent use.
type Page struct {
	// deflate is the text as a deflate stream (RFC 1951). It is flushed at
	// prefixLen: the bytes before it are complete and may be followed by blocks
	// of another stream; the bytes from there on are the final block.
	deflate   []byte
	prefixLen int
	size      int    // of the text, in bytes
	sum       uint32 // CRC-32 of the text
}

// Render returns a page with what write writes. The Writer must not be used
// after write returns.
func Render(write func(*Writer)) *Page {
	var kept pieces
	out := bufio.NewWriterSize(&kept, chunk)
	w := newWriter(out)
	write(w)
	w.compress()
	must(w.out.Flush())
	must(out.Flush())
	prefix := len(kept)
	must(w.out.Close())
	must(out.Flush())
	p := &Page{deflate: bytes.Join(kept, nil), size: w.size, sum: w.sum}
	p.prefixLen = len(p.deflate) - len(bytes.Join(kept[prefix:], nil))
	return p
}

// pieces is an io.Writer that keeps what is written. A bytes.Buffer would need
// three times the memory while it grows.
type pieces [][]byte

// Write implements io.Writer.
func (p *pieces) Write(piece []byte) (int, error) {
	*p = append(*p, bytes.Clone(piece))
	return len(piece), nil
}

// WriteText writes the text in pieces of 1 MiB, because each Write to a client
// has a fixed cost.
func (p *Page) WriteText(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	if _, err := io.Copy(buffered, p.text()); err != nil {
		return err
	}
	return buffered.Flush()
}

// writeFamilies writes the text of the named families only.
func (p *Page) writeFamilies(w io.Writer, names []string) error {
	text := bufio.NewReader(p.text())
	wanted := false
	for {
		line, err := text.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("decompress page: %w", err)
		}
		if help, ok := bytes.CutPrefix(line, []byte("# HELP ")); ok {
			name, _, _ := bytes.Cut(help, []byte(" "))
			wanted = slices.Contains(names, string(name))
		}
		if !wanted {
			continue
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
}

func (p *Page) text() io.Reader { return flate.NewReader(bytes.NewReader(p.deflate)) }

// must panics on errors that cannot happen: writes go to memory.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
