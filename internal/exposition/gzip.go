package exposition

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// gzipHeader begins a gzip member (RFC 1952): no name, no time, any system.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// member is a gzip member that begins with a page and goes on with what is
// written to it. It is one member and not two, of which many programs would
// read the first alone.
type member struct {
	to      io.Writer
	deflate *flate.Writer // of what follows the page
	sum     uint32        // CRC-32 of the page and what was written
	size    int           // of the page and what was written, in bytes
}

// begin writes the header and the page to a writer. deflate is the member's
// until it has ended.
func (m *member) begin(to io.Writer, p *Page, deflate *flate.Writer) error {
	deflate.Reset(to)
	*m = member{to: to, deflate: deflate, sum: p.sum, size: p.size}
	if _, err := io.WriteString(to, gzipHeader); err != nil {
		return err
	}
	_, err := to.Write(p.deflate[:p.open])
	return err
}

// Write implements io.Writer.
func (m *member) Write(text []byte) (int, error) {
	m.sum = crc32.Update(m.sum, crc32.IEEETable, text)
	m.size += len(text)
	return m.deflate.Write(text)
}

// end writes what is not written yet, and the trailer.
func (m *member) end() error {
	if err := m.deflate.Close(); err != nil {
		return err
	}
	trailer := binary.LittleEndian.AppendUint32(nil, m.sum)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(m.size)) //nolint:gosec // modulo 2^32, as RFC 1952 has it
	_, err := m.to.Write(trailer)
	return err
}
