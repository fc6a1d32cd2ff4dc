package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// maxFileSize limits the size of a configuration file, in bytes.
const maxFileSize = 10 << 20

// Loader reads one configuration file and the files that it names. It is not safe for concurrent use.
type Loader struct {
	path  string // empty for no file
	dir   string // that relative paths in the file are relative to
	files *files
}

// NewLoader returns a Loader for the file at path. An empty path means no file. Relative paths in the file are relative
// to its directory.
func NewLoader(path string) *Loader {
	return &Loader{path: path, dir: filepath.Dir(path), files: newFiles()}
}

// NewInputLoader returns a Loader for what can be read from r, once; name stands for the file in messages and is not the
// path of a file that the configuration names. Relative
// paths in it are relative to the working directory. If Load or Parse returns early, a goroutine still reads from r.
func NewInputLoader(name string, r io.Reader) *Loader {
	l := &Loader{path: name, files: newFiles()}
	l.files.open = func(path string) (io.ReadCloser, error) {
		if path == name {
			return io.NopCloser(r), nil
		}
		return openFile(path)
	}
	return l
}

// Load reads the file and those that it names. Without a file it returns the defaults: one target with
// the ambient credentials and the Region of the environment. It returns when ctx
// is cancelled and after ten seconds at the latest, even if the file system does
// not respond. The error wraps that of the file system or ctx, or is an [Errors]
// with all mistakes in the file.
func (l *Loader) Load(ctx context.Context) (*Config, error) {
	return l.load(ctx, true)
}

// Parse is Load without the files that the configuration file names, for those who do not have them.
func (l *Loader) Parse(ctx context.Context) (*Config, error) {
	return l.load(ctx, false)
}

func (l *Loader) load(ctx context.Context, whole bool) (*Config, error) {
	l.files.forget()
	if l.path == "" {
		cfg, err := Parse("no configuration file", nil)
		if err == nil {
			cfg.empty = false
		}
		return cfg, err
	}
	ctx, cancel := withReadTimeout(ctx)
	defer cancel()
	data, err := l.files.read(ctx, l.path)
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", l.path, err)
	}
	errs := newErrorList(l.path)
	cfg := parseInto(errs, data)
	var inExclusions Errors
	if whole && len(errs.errors) == 0 {
		l.readExternalIDs(ctx, errs, cfg)
		inExclusions = l.readExclusions(ctx, errs, cfg)
	}
	if all := append(errs.all(), inExclusions...); len(all) > 0 {
		return nil, all
	}
	return cfg, nil
}

// Changed reports whether the configuration file, or one that it names, differs from what the last Load has read: it
// has other contents, cannot be read any more, or can be read again. It compares contents, so that it also notices when
// a symbolic link to a directory is replaced, as Kubernetes does to update a volume.
func (l *Loader) Changed(ctx context.Context) bool {
	ctx, cancel := withReadTimeout(ctx)
	defer cancel()
	return l.files.changed(ctx)
}

// readExternalIDs sets the external IDs that are in files, without the spaces and line breaks around them.
func (l *Loader) readExternalIDs(ctx context.Context, errs *errorList, cfg *Config) {
	for key, r := range cfg.roles() {
		if r.externalIDFile == "" {
			continue
		}
		file := join(key, "external_id_file")
		data, err := l.files.read(ctx, l.resolve(r.externalIDFile))
		if err != nil {
			errs.addf(file, "cannot read %s: %v", quote(r.externalIDFile), err)
			continue
		}
		id := Secret(strings.TrimSpace(string(data)))
		if reason := checkExternalID(id); reason != "" {
			errs.addf(file, "the contents of %s %s", quote(r.externalIDFile), reason)
			continue
		}
		*r.externalID = id
	}
}

// resolve returns the path of a file that the configuration file names.
func (l *Loader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.dir, path)
}

// withoutPath returns the error without the path of the file, for a message that has it.
func withoutPath(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
