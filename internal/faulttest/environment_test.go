package faulttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// setEnvironment sets what test cases share: no AWS settings from outside, a
// trusted certificate authority and a resolver. It is called once, before all
// test cases.
func setEnvironment() (cleanUp func(), err error) {
	dir, err := os.MkdirTemp("", "faulttest")
	if err != nil {
		return nil, err
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") {
			err = errors.Join(err, os.Unsetenv(name))
		}
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificates().authority})
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_CONFIG_FILE":             filepath.Join(dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
		"SSL_CERT_FILE":               filepath.Join(dir, "authority.pem"),
		"HTTP_PROXY":                  "http://" + proxyAddress,
		"NO_PROXY":                    unproxiedHost,
	} {
		err = errors.Join(err, os.Setenv(name, value))
	}
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, "authority.pem"), authority, 0o600))
	useTestResolver()
	hangup := make(chan os.Signal, 1) // starts the goroutine of os/signal outside all test cases
	signal.Notify(hangup, syscall.SIGHUP)
	signal.Stop(hangup)
	return func() { _ = os.RemoveAll(dir) }, err
}

// pki is a certificate authority and its certificates for the simulator and relays.
type pki struct {
	authority                 []byte
	valid, expired, untrusted *tls.Certificate
}

var certificates = sync.OnceValue(func() pki {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "faulttest"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	issue := func(of, by *x509.Certificate) []byte {
		der, err := x509.CreateCertificate(rand.Reader, of, by, key.Public(), key)
		if err != nil {
			panic(err)
		}
		return der
	}
	server := func(end time.Time, by *x509.Certificate) *tls.Certificate {
		return &tls.Certificate{PrivateKey: key, Certificate: [][]byte{issue(&x509.Certificate{
			SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: end,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(relayIP)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, by)}}
	}
	unknown := *root
	unknown.Subject.CommonName = "unknown"
	inAnHour := time.Now().Add(time.Hour)
	return pki{
		authority: issue(root, root), valid: server(inAnHour, root), expired: server(time.Now().Add(-time.Minute), root),
		untrusted: server(inAnHour, &unknown),
	}
})

// hosts has the names that resolve to 127.0.0.1 (true) or lead to a server
// failure (false). All other names do not exist.
var hosts = struct {
	sync.Mutex
	resolves map[string]bool
}{resolves: map[string]bool{}}

// useTestResolver makes the process resolve names with hosts.
func useTestResolver() {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		server, client := net.Pipe()
		go serveDNS(server)
		return client, nil
	}}
}

// serveDNS responds to the queries of a connection.
func serveDNS(conn net.Conn) {
	defer conn.Close()
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		query := make([]byte, length)
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		response, err := dnsResponse(query)
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(response))), response...)); err != nil {
			return
		}
	}
}

// dnsResponse returns the response to a query.
func dnsResponse(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil, errors.Join(err, fmt.Errorf("%d questions", len(m.Questions)))
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	hosts.Lock()
	defer hosts.Unlock()
	resolves, known := hosts.resolves[strings.TrimSuffix(q.Name.String(), ".")]
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case !resolves:
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	return m.Pack()
}

// setHost makes a name resolve, or fail to resolve.
func setHost(name string, resolves bool) {
	hosts.Lock()
	defer hosts.Unlock()
	hosts.resolves[name] = resolves
}
