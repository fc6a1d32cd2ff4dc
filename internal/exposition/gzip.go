package exposition

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// gzipHeader is the header of a gzip member (RFC 1952) without name and time,
// from an unknown operating system.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// gzipStream is a single gzip member with the text of a page followed by what
// is written to it. Two concatenated members would be simpler, but curl and
// browsers read only the first.
type gzipStream struct {
	out     io.Writer
	deflate *flate.Writer // of the text after the page
	sum     uint32        // CRC-32 of the text so far
	size    int           // of the text so far, in bytes
}

// writeHeader writes the header and the page to out. It resets deflate, which
// must not be used elsewhere until close.
func (s *gzipStream) writeHeader(out io.Writer, p *Page, deflate *flate.Writer) error {
	deflate.Reset(out)
	*s = gzipStream{out: out, deflate: deflate, sum: p.sum, size: p.size}
	if _, err := io.WriteString(out, gzipHeader); err != nil {
		return err
	}
	_, err := out.Write(p.deflate[:p.prefixLen])
	return err
}

// Write implements io.Writer.
func (s *gzipStream) Write(text []byte) (int, error) {
	s.sum = crc32.Update(s.sum, crc32.IEEETable, text)
	s.size += len(text)
	return s.deflate.Write(text)
}

// close flushes the text and writes the trailer.
func (s *gzipStream) close() error {
	if err := s.deflate.Close(); err != nil {
		return err
	}
	trailer := binary.LittleEndian.AppendUint32(nil, s.sum)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(s.size)) //nolint:gosec // modulo 2^32 (RFC 1952)
	_, err := s.out.Write(trailer)
	return err
}
