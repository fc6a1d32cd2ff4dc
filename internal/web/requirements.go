package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// requirements are what a web configuration requires of clients.
type requirements struct {
	users       bool
	tls         bool
	minVersion  toolkit.TLSVersion
	certificate int // see certificateRank
	clientCAs   bool
	allowedSANs bool
}

var (
	// quoted matches the values that the YAML library repeats in its errors.
	quoted = regexp.MustCompile("`[^`]*`")
	// bcryptHash matches a whole bcrypt hash. The toolkit only checks how a hash
	// begins.
	bcryptHash = regexp.MustCompile(`^\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}`)
)

// parse returns the requirements of a web configuration. It uses the toolkit's
// YAML library and types, so that both understand a file in the same way. An
// empty file is an error because a file that is about to be written looks the
// same. Errors contain no secret.
func parse(content []byte) (requirements, error) {
	var document any
	c := toolkit.Config{TLSConfig: toolkit.TLSConfig{MinVersion: tls.VersionTLS12}}
	if err := errors.Join(yaml.Unmarshal(content, &document), yaml.UnmarshalStrict(content, &c)); err != nil {
		return requirements{}, errors.New(quoted.ReplaceAllString(err.Error(), "…"))
	}
	if document == nil {
		return requirements{}, errors.New("the file is empty; omit --web.config.file to serve without TLS and passwords")
	}
	for user, hash := range c.Users {
		if !bcryptHash.MatchString(string(hash)) {
			return requirements{}, fmt.Errorf("basic_auth_users: the value of %q is not a bcrypt hash", user)
		}
	}
	t := c.TLSConfig
	return requirements{
		users:       len(c.Users) > 0,
		tls:         t.IsEnabled(),
		minVersion:  t.MinVersion,
		certificate: certificateRank(t.ClientAuth),
		clientCAs:   t.ClientCAs != "" || t.ClientCAsText != "",
		allowedSANs: t.ClientAllowedSans != nil,
	}, nil
}

// certificateRank returns 2 if clients need a certificate signed by an authority,
// 1 if any certificate is accepted, and 0 if none is required.
func certificateRank(clientAuth string) int {
	switch clientAuth {
	case "RequireAndVerifyClientCert":
		return 2
	case "RequireAnyClientCert", "RequireClientCert":
		return 1
	}
	return 0
}

// allow returns an error if next requires less of clients than r.
func (r requirements) allow(next requirements) error {
	switch {
	case r.tls != next.tls:
		return errors.New("TLS cannot be switched on or off without a restart")
	case r.users && !next.users:
		return errors.New("removing all users requires a restart")
	case r.tls && r.minVersion > next.minVersion:
		return errors.New("allowing an older version of TLS requires a restart")
	case r.certificate > next.certificate:
		return errors.New("weakening client_auth_type requires a restart")
	case r.clientCAs && !next.clientCAs:
		return errors.New("removing the client authorities requires a restart")
	case r.allowedSANs && !next.allowedSANs:
		return errors.New("removing client_allowed_sans requires a restart")
	}
	return nil
}
