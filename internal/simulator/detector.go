package simulator

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

// isoLayout is how GuardDuty writes the times that it writes as text.
const isoLayout = "2006-01-02T15:04:05.000Z"

// ownDetector returns the detector of the call's path, which must be the
// caller's in the Region.
func (s *Server) ownDetector(req *request) (*Detector, error) {
	d := s.index.accounts[req.session.AccountID].Detector(req.call.Region)
	if d == nil || d.ID != req.detectorID {
		return nil, badRequest("the input detectorId is not owned by the current account.")
	}
	return d, nil
}

func (s *Server) listDetectors(req *request) (any, error) {
	page, err := readPage(req, "maxResults", "nextToken")
	if err != nil {
		return nil, err
	}
	if page.token != "" { // one detector makes one page: no token was ever given
		return nil, invalidParameter("nextToken")
	}
	out := struct {
		DetectorIDs []string `json:"detectorIds"`
	}{[]string{}}
	if d := s.index.accounts[req.session.AccountID].Detector(req.call.Region); d != nil {
		out.DetectorIDs = append(out.DetectorIDs, d.ID)
	}
	return out, nil
}

// feature is an element of the features of a detector, or of the additional
// configuration of one. Its updatedAt, unlike the detector's, is a number.
type feature struct {
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	UpdatedAt  float64   `json:"updatedAt,omitempty"`
	Additional []feature `json:"additionalConfiguration,omitempty"`
}

// Features and additional configurations that a Detector has a field for.
const (
	featureRuntime     = "RUNTIME_MONITORING"
	featureEKSRuntime  = "EKS_RUNTIME_MONITORING" // of before Runtime Monitoring
	additionalEKS      = "EKS_ADDON_MANAGEMENT"
	additionalFargate  = "ECS_FARGATE_AGENT_MANAGEMENT"
	additionalInstance = "EC2_AGENT_MANAGEMENT"
)

// features returns the detector's features in the API's words: the foundational
// data sources, which are always on, the optional ones and Runtime Monitoring.
func (d *Detector) features() []feature {
	part := func(name string, on bool, additional ...feature) feature {
		f := feature{Name: name, Status: onOff(on), Additional: additional}
		if t := d.changedAt(name); !t.IsZero() {
			f.UpdatedAt = float64(t.UnixMilli()) / 1000
		}
		return f
	}
	list := []feature{part("CLOUD_TRAIL", true), part("DNS_LOGS", true), part("FLOW_LOGS", true)}
	for _, name := range []string{
		"S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS", "LAMBDA_NETWORK_LOGS",
	} {
		list = append(list, part(name, slices.Contains(d.Features, name)))
	}
	former, runtime := slices.Contains(d.Features, featureEKSRuntime), !d.RuntimeMonitoringOff
	return append(
		list,
		part(featureEKSRuntime, former, part(additionalEKS, former && !d.EKSAgentManagementOff)),
		part(featureRuntime, runtime,
			part(additionalEKS, runtime && !d.EKSAgentManagementOff),
			part(additionalFargate, runtime && !d.AgentManagementOff),
			part(additionalInstance, runtime && !d.EC2AgentManagementOff)),
	)
}

// changedAt is since when the named feature or configuration is as it is.
func (d *Detector) changedAt(name string) time.Time {
	if t, changed := d.ChangedAt[name]; changed {
		return t
	}
	return d.CreatedAt
}

func (s *Server) getDetector(req *request) (any, error) {
	d, err := s.ownDetector(req)
	if err != nil {
		return nil, err
	}
	if _, err := readPage(req); err != nil {
		return nil, err
	}
	updated := d.CreatedAt
	for _, t := range d.ChangedAt {
		if t.After(updated) {
			updated = t
		}
	}
	return struct {
		Status                     string            `json:"status"`
		ServiceRole                string            `json:"serviceRole"`
		CreatedAt                  string            `json:"createdAt"`
		UpdatedAt                  string            `json:"updatedAt"`
		FindingPublishingFrequency string            `json:"findingPublishingFrequency"`
		Tags                       map[string]string `json:"tags"`
		Features                   []feature         `json:"features"`
	}{
		Status: onOff(!d.Suspended),
		ServiceRole: "arn:aws:iam::" + req.session.AccountID +
			":role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty",
		CreatedAt: d.CreatedAt.UTC().Format(isoLayout), UpdatedAt: updated.UTC().Format(isoLayout),
		FindingPublishingFrequency: "SIX_HOURS",
		Tags:                       map[string]string{},
		Features:                   d.features(),
	}, nil
}

func onOff(on bool) string {
	if on {
		return "ENABLED"
	}
	return "DISABLED"
}

// page is what the query string of a listing asks for.
type page struct {
	query url.Values
	limit int
	token string
}

// readPage reads the query string, which may hold the given parameters once
// each and no others.
func readPage(req *request, allowed ...string) (page, error) {
	p := page{query: req.http.URL.Query(), limit: pageLimit}
	for name, values := range p.query {
		if !slices.Contains(allowed, name) || len(values) > 1 {
			return p, invalidParameter("%s", name)
		}
	}
	p.token = p.query.Get("nextToken")
	if text := p.query.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > pageLimit {
			return p, invalidParameter("maxResults %q is not between 1 and %d", text, pageLimit)
		}
		p.limit = n
	}
	return p, nil
}
