package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// readTimeout limits the time to read a configuration file and those that it names. A FIFO without
// a writer or a network file system without a server blocks forever.
const readTimeout = 10 * time.Second

// files reads files and remembers what it has read. It is not safe for concurrent use.
type files struct {
	open    func(path string) (io.ReadCloser, error)
	pending map[string]chan file // of reads that have not returned, by path
	seen    map[string]state     // of the files read since forget, by path
}

// file is the result of reading a file.
type file struct {
	data []byte
	err  error
}

// state identifies the result of reading a file, without its contents.
type state struct {
	sum [sha256.Size]byte
	err string
}

func newFiles() *files {
	return &files{open: openFile, pending: map[string]chan file{}, seen: map[string]state{}}
}

func openFile(path string) (io.ReadCloser, error) { return os.Open(path) }

// forget forgets what was read.
func (f *files) forget() { clear(f.seen) }

// read reads the file at path and remembers its state. The error has no path.
func (f *files) read(ctx context.Context, path string) ([]byte, error) {
	result := f.wait(ctx, path)
	result.err = withoutPath(result.err)
	f.seen[path] = result.state()
	return result.data, result.err
}

// changed reports whether a file has another state than that remembered. If ctx ends, it returns false.
func (f *files) changed(ctx context.Context) bool {
	for path, before := range f.seen {
		result := f.wait(ctx, path)
		result.err = withoutPath(result.err)
		if result.state() != before {
			return !errors.Is(result.err, context.Canceled)
		}
	}
	return false
}

func (r file) state() state {
	if r.err != nil {
		return state{err: r.err.Error()}
	}
	return state{sum: sha256.Sum256(r.data)}
}

// wait reads a file. It first waits for an earlier read, so that the file
// system blocks at most one goroutine for each file, however often it is read.
func (f *files) wait(ctx context.Context, path string) file {
	if earlier := f.pending[path]; earlier != nil {
		if outdated, returned := wait(ctx, earlier); !returned {
			return outdated
		}
	}
	result := make(chan file, 1)
	f.pending[path] = result
	go func() {
		data, err := f.readFile(path)
		result <- file{data, err}
	}()
	read, returned := wait(ctx, result)
	if returned {
		delete(f.pending, path)
	}
	return read
}

// wait returns the result of a read, or an error and false if ctx ends before
// the read returns.
func wait(ctx context.Context, pending chan file) (result file, returned bool) {
	select {
	case result := <-pending:
		return result, true
	case <-ctx.Done():
		return file{err: context.Cause(ctx)}, false
	}
}

func withReadTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, readTimeout, fmt.Errorf("no data within %s: %w", readTimeout, os.ErrDeadlineExceeded))
}

// readFile reads one byte more than the limit, so that the parser can detect a file that is too large.
func (f *files) readFile(path string) (data []byte, err error) {
	r, err := f.open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(io.LimitReader(r, maxFileSize+1))
}
