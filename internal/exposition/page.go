// Package exposition is the page that Prometheus reads. It is written and
// compressed once for each change, and each scrape sends those bytes, followed
// by the metrics of the process, gathered and compressed then.
//
// One page serves the text format 0.0.4 and OpenMetrics 1.0, for it holds
// gauges alone, and what the two write differently of a gauge both read alike.
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
// may be used concurrently.
type Page struct {
	// deflate is the text as a deflate stream (RFC 1951). It was flushed at
	// open: what stands before ends at a byte and refers to nothing behind it,
	// so that blocks of another stream may follow there in place of the rest,
	// which only says that the stream ends.
	deflate []byte
	open    int
	size    int    // of the text, in bytes
	sum     uint32 // CRC-32 of the text
}

// Render makes a page of what write writes. The Writer may be used until write
// returns.
func Render(write func(*Writer)) *Page {
	var kept pieces
	out := bufio.NewWriterSize(&kept, chunk)
	w := newWriter(out)
	write(w)
	w.compress()
	must(w.out.Flush())
	must(out.Flush())
	rest := len(kept)
	must(w.out.Close())
	must(out.Flush())
	p := &Page{deflate: bytes.Join(kept, nil), size: w.size, sum: w.sum}
	p.open = len(p.deflate) - len(bytes.Join(kept[rest:], nil))
	return p
}

// pieces keeps what is written to it. A buffer that grows would need three times
// the memory at its last growth.
type pieces [][]byte

// Write implements io.Writer.
func (p *pieces) Write(piece []byte) (int, error) {
	*p = append(*p, bytes.Clone(piece))
	return len(piece), nil
}

// WriteTo writes the text. It implements io.WriterTo.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, p.text())
}

// sendText writes the text in large pieces, for each costs something to a server.
func (p *Page) sendText(w io.Writer) error {
	pieces := bufio.NewWriterSize(w, 1<<20)
	if _, err := p.WriteTo(pieces); err != nil {
		return err
	}
	return pieces.Flush()
}

// writeFamilies writes the text of these families alone.
func (p *Page) writeFamilies(w io.Writer, names []string) error {
	text := bufio.NewReader(p.text())
	wanted := false
	for {
		line, err := text.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("decompress the page: %w", err)
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

// must is for errors that cannot be: a bytes.Buffer takes everything.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
