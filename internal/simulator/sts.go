package simulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// stsMetadata is part of every response of STS and IAM.
type stsMetadata struct {
	RequestID string `xml:"RequestId"`
}

type assumeRoleResult struct {
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		ARN           string `xml:"Arn"`
	}
}

// validationError returns STS's error for an invalid parameter.
func validationError(format string, args ...any) error {
	return awswire.Errorf("ValidationError", format, args...)
}

// readForm returns an error for parameters that are not in allowed and for other
// versions of the API.
func readForm(req *request, allowed ...string) error {
	for name, values := range req.form {
		if !slices.Contains(append(allowed, "Action", "Version"), name) || len(values) > 1 {
			return validationError("The parameter %s is not supported.", name)
		}
	}
	if v := req.form.Get("Version"); v != "2011-06-15" {
		return validationError("Could not find operation %s for version %s", req.call.Operation, v)
	}
	return nil
}

var roleSessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

func (s *Server) assumeRole(req *request) (any, error) {
	if err := readForm(req, "RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds"); err != nil {
		return nil, err
	}
	name := req.form.Get("RoleSessionName")
	if !roleSessionNamePattern.MatchString(name) {
		return nil, validationError("Value at 'roleSessionName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\w+=,.@-]* and have 2 to 64 characters, not %q", name)
	}
	lifetime, err := readDuration(req.form.Get("DurationSeconds"))
	if err != nil {
		return nil, err
	}
	accountID, role, err := s.assumableRole(req)
	if err != nil {
		return nil, err
	}
	if role.Duration != 0 {
		lifetime = role.Duration
	}
	sess := session{
		AccessKeyID: "ASIA" + rand.Text()[:16], SecretAccessKey: randomSecret(),
		Partition: s.world.partition(), AccountID: accountID, Role: role.Name, Name: name,
		Expiration: s.now().Add(lifetime).UTC().Truncate(time.Second),
	}
	var out struct {
		XMLName  xml.Name         `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
		Result   assumeRoleResult `xml:"AssumeRoleResult"`
		Metadata stsMetadata      `xml:"ResponseMetadata"`
	}
	out.Metadata.RequestID = req.id
	credentials := &out.Result.Credentials
	if credentials.SessionToken, err = s.tokens.Encode(sessionScope, sess); err != nil {
		return nil, fmt.Errorf("encode the session token: %w", err)
	}
	credentials.AccessKeyID, credentials.SecretAccessKey = sess.AccessKeyID, sess.SecretAccessKey
	credentials.Expiration = sess.Expiration.Format(time.RFC3339)
	out.Result.AssumedRoleUser.ARN = sess.arn()
	out.Result.AssumedRoleUser.AssumedRoleID = sess.userID()
	return out, nil
}

// assumableRole returns the requested role and its account, if the caller may
// assume it. As on AWS, the error is the same for a role that does not exist, a
// missing trust and a wrong external ID.
func (s *Server) assumableRole(req *request) (accountID string, role *Role, err error) {
	arn, externalID := req.form.Get("RoleArn"), req.form.Get("ExternalId")
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return "", nil, validationError("%s is invalid", arn)
	}
	if parts[1] != s.world.partition() {
		return "", nil, validationError("Invalid ARN partition: %s", parts[1])
	}
	if a := s.index.accounts[parts[4]]; a != nil {
		role = a.Role(strings.TrimPrefix(parts[5], "role/"))
	}
	if role == nil || role.Broken || role.ExternalID != "" && role.ExternalID != externalID {
		return "", nil, &awswire.APIError{
			Status: http.StatusForbidden, Code: "AccessDenied",
			Message: fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", req.session.callerARN(), arn),
		}
	}
	return parts[4], role, nil
}

// readDuration reads DurationSeconds. The default is one hour.
func readDuration(text string) (time.Duration, error) {
	if text == "" {
		return time.Hour, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 900 || n > 43200 {
		return 0, validationError("Value '%s' at 'durationSeconds' failed to satisfy constraint: "+
			"Member must have value between 900 and 43200", text)
	}
	return time.Duration(n) * time.Second, nil
}

func (s *Server) getCallerIdentity(req *request) (any, error) {
	if err := readForm(req); err != nil {
		return nil, err
	}
	var out struct {
		XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
		Result  struct {
			ARN     string `xml:"Arn"`
			UserID  string `xml:"UserId"`
			Account string
		} `xml:"GetCallerIdentityResult"`
		Metadata stsMetadata `xml:"ResponseMetadata"`
	}
	out.Metadata.RequestID = req.id
	out.Result.ARN, out.Result.UserID = req.session.callerARN(), req.session.userID()
	out.Result.Account = req.session.AccountID
	return out, nil
}

// callerARN returns the ARN of the assumed role, or of the user with the account's
// long-term key.
func (s session) callerARN() string {
	if s.Role == "" {
		return "arn:" + s.Partition + ":iam::" + s.AccountID + ":user/simulator"
	}
	return s.arn()
}

// userID returns the caller's unique ID in the form of IAM.
func (s session) userID() string {
	if s.Role == "" {
		return "AIDA" + s.uniqueID()
	}
	return s.roleID() + ":" + s.Name
}

// roleID returns the unique ID of the role in the form of IAM.
func (s session) roleID() string { return "AROA" + s.uniqueID() }

func (s session) uniqueID() string {
	sum := sha256.Sum256([]byte(s.AccountID + "/" + s.Role))
	return base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// randomSecret returns a secret access key of 40 characters.
func randomSecret() string {
	b := make([]byte, 30)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
