package web

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/prometheus/common/config"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
	"golang.org/x/crypto/bcrypt"
)

// policy is what a web configuration file asks of clients and tells them. It
// holds the contents of the certificates and not their paths, so what becomes
// of the files does not change it.
type policy struct {
	users   map[string]config.Secret // bcrypt hashes by name; empty where no password is wanted
	decoy   []byte                   // the costliest hash, for users that do not exist
	headers map[string]string
	limit   toolkit.RateLimiterConfig
	tls     *tls.Config // nil for plain HTTP
}

// files are the files that a policy was made of, by path: the digest of each
// one's contents, and of none for one that cannot be read.
type files map[string][sha256.Size]byte

func (f files) read(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	f[path] = sha256.Sum256(content)
	return content, err
}

// changed reads the files once more. The zero value has changed.
func (f files) changed() bool {
	now := files{}
	for path, before := range f {
		if _, _ = now.read(path); now[path] != before {
			return true
		}
	}
	return len(f) == 0
}

// readPolicy makes a policy of the web configuration file, as exporter-toolkit
// would, and returns the files that it read for it, also with an error. No
// error repeats a password, a hash or a key.
func readPolicy(path string) (*policy, files, error) {
	read := files{}
	content, err := read.read(path)
	if err != nil {
		return nil, read, err
	}
	c, err := parse(content)
	if err != nil {
		return nil, read, err
	}
	c.TLSConfig.SetDirectory(filepath.Dir(path))
	p := &policy{users: c.Users, headers: c.HTTPConfig.Header, limit: c.RateLimiterConfig}
	if err := p.choose(); err != nil {
		return nil, read, err
	}
	if c.TLSConfig.IsEnabled() {
		if p.tls, err = serverTLS(c, read); err != nil {
			return nil, read, err
		}
	}
	// The toolkit has rules of its own for the headers. It reads the files
	// anew; had they changed since, they are read again before the next answer.
	return p, read, toolkit.Validate(path)
}

// quoted is how the YAML library repeats values in its errors.
var quoted = regexp.MustCompile("`[^`]*`")

// parse is the toolkit's own reading, but for a file without contents: nobody
// names a file to say nothing, while one that is emptied or not yet written
// looks the same.
func parse(content []byte) (*toolkit.Config, error) {
	var document any
	c := &toolkit.Config{
		TLSConfig:  toolkit.TLSConfig{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13},
		HTTPConfig: toolkit.HTTPConfig{HTTP2: true},
	}
	if err := errors.Join(yaml.Unmarshal(content, &document), yaml.UnmarshalStrict(content, c)); err != nil {
		return nil, errors.New(quoted.ReplaceAllString(err.Error(), "…"))
	}
	if document == nil {
		return nil, errors.New("the file is empty; leave --web.config.file out for neither TLS nor passwords")
	}
	return c, nil
}

// wholeHash is a bcrypt hash to its last letter, which bcrypt itself does not
// miss until a password is compared. What follows, such as the line break of a
// YAML block, bcrypt ignores.
var wholeHash = regexp.MustCompile(`^\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}`)

// choose checks the users' hashes and picks the decoy.
func (p *policy) choose() error {
	costliest := 0
	for user, hash := range p.users {
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil || !wholeHash.MatchString(string(hash)) {
			return fmt.Errorf("basic_auth_users: what stands for %q is not a bcrypt hash", user)
		}
		if cost > costliest {
			costliest, p.decoy = cost, []byte(hash)
		}
	}
	return nil
}

// serverTLS makes a configuration of the contents of the files that c names.
func serverTLS(c *toolkit.Config, read files) (*tls.Config, error) {
	t := &c.TLSConfig
	key, authorities := string(t.TLSKey), t.ClientCAs != "" || t.ClientCAsText != ""
	for _, inline := range []struct{ path, text *string }{
		{&t.TLSCertPath, &t.TLSCert}, {&t.TLSKeyPath, &key}, {&t.ClientCAs, &t.ClientCAsText},
	} {
		if *inline.path == "" {
			continue
		}
		content, err := read.read(*inline.path)
		if err != nil {
			return nil, err
		}
		*inline.path, *inline.text = "", string(content)
	}
	t.TLSKey = config.Secret(key)
	if authorities && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.ClientCAsText)) {
		return nil, errors.New("client_ca: there is no certificate in it")
	}
	served, err := toolkit.ConfigToTLSConfig(t)
	if err != nil {
		return nil, err
	}
	served.NextProtos = []string{"http/1.1"}
	if c.HTTPConfig.HTTP2 {
		served.NextProtos = []string{"h2", "http/1.1"}
	}
	// A session that is resumed is not held against authorities and names that
	// have changed since it began.
	served.SessionTicketsDisabled = served.ClientAuth != tls.NoClientCert
	return served, nil
}

// loosened says how next lets in whom p does not, "" where it does not.
func (p *policy) loosened(next *policy) string {
	switch {
	case (p.tls == nil) != (next.tls == nil):
		return "TLS cannot be switched on or off"
	case len(p.users) > 0 && len(next.users) == 0:
		return "it no longer asks for a password"
	case p.tls != nil && p.tls.MinVersion > next.tls.MinVersion:
		return "it allows an older version of TLS"
	case demand(p.tls) > demand(next.tls):
		return "it no longer asks for a client certificate as it did"
	case p.tls != nil && p.tls.ClientCAs != nil && next.tls.ClientCAs == nil:
		return "it no longer names who has to vouch for client certificates"
	case p.tls != nil && p.tls.VerifyPeerCertificate != nil && next.tls.VerifyPeerCertificate == nil:
		return "it no longer asks for a name in the client certificate"
	}
	return ""
}

// demand ranks what is asked of client certificates: 0 where clients without
// one are let in, 1 where any will do, 2 where authorities have to vouch for it.
func demand(c *tls.Config) int {
	switch {
	case c == nil:
		return 0
	case c.ClientAuth == tls.RequireAndVerifyClientCert:
		return 2
	case c.ClientAuth == tls.RequireAnyClientCert:
		return 1
	}
	return 0
}
