package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	// maxFileSize limits the size of a configuration file, in bytes.
	maxFileSize = 10 << 20
	// readTimeout limits the time to read a configuration file. A FIFO without
	// a writer or a network file system without a server blocks forever.
	readTimeout = 10 * time.Second
)

// Loader reads one configuration file. It is not safe for concurrent use.
type Loader struct {
	path    string
	pending chan file // of a read that has not returned; nil if there is none
}

// file is the result of reading a file.
type file struct {
	data []byte
	err  error
}

// NewLoader returns a Loader for the file at path. An empty path means no file.
func NewLoader(path string) *Loader { return &Loader{path: path} }

// Load reads the file. Without a file it returns the defaults: one target with
// the ambient credentials and the Region of the environment. It returns when ctx
// is cancelled and after ten seconds at the latest, even if the file system does
// not respond. The error wraps that of the file system or ctx, or is an [Errors]
// with all mistakes in the file.
func (l *Loader) Load(ctx context.Context) (*Config, error) {
	if l.path == "" {
		cfg, err := Parse("no configuration file", nil)
		if err == nil {
			cfg.empty = false
		}
		return cfg, err
	}
	ctx, cancel := withReadTimeout(ctx)
	defer cancel()
	result := l.read(ctx)
	if err := result.err; err != nil {
		if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathError.Err // the path is in the message below
		}
		return nil, fmt.Errorf("read configuration %s: %w", l.path, err)
	}
	return Parse(l.path, result.data)
}

// read reads the file. It first waits for an earlier read, so that the file
// system blocks at most one goroutine, however often Load is called.
func (l *Loader) read(ctx context.Context) file {
	if l.pending != nil {
		if outdated, returned := wait(ctx, l.pending); !returned {
			return outdated
		}
	}
	l.pending = start(func() ([]byte, error) { return readFile(l.path) })
	result, returned := wait(ctx, l.pending)
	if returned {
		l.pending = nil
	}
	return result
}

// Read reads a configuration from r, within the same limits as [Loader.Load];
// name stands for the file in messages. If it returns early, a goroutine still
// reads from r.
func Read(ctx context.Context, name string, r io.Reader) (*Config, error) {
	ctx, cancel := withReadTimeout(ctx)
	defer cancel()
	result, _ := wait(ctx, start(func() ([]byte, error) { return readAll(r) }))
	if result.err != nil {
		return nil, fmt.Errorf("read configuration from %s: %w", name, result.err)
	}
	return Parse(name, result.data)
}

func withReadTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, readTimeout, fmt.Errorf("no data within %s: %w", readTimeout, os.ErrDeadlineExceeded))
}

// start calls read in a new goroutine.
func start(read func() ([]byte, error)) chan file {
	result := make(chan file, 1)
	go func() {
		data, err := read()
		result <- file{data, err}
	}()
	return result
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

func readFile(path string) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readAll(f)
}

// readAll reads one byte more than the limit, so that Parse can detect a file
// that is too large.
func readAll(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, maxFileSize+1))
}
