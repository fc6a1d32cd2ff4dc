package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// isoLayout is the layout of times that GuardDuty and SNS write as strings.
const isoLayout = "2006-01-02T15:04:05.000Z"

// ownDetector returns the detector in the call's path. It must be the caller's
// detector in the Region.
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
	if page.token != "" { // one detector fits on one page, so no token is valid
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

// feature is a feature of a detector or an additional configuration of one. Its
// updatedAt is a number, unlike the detector's.
type feature struct {
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	UpdatedAt  float64   `json:"updatedAt,omitempty"`
	ManagedBy  string    `json:"managedBy,omitempty"`
	Additional []feature `json:"additionalConfiguration,omitempty"`
}

// Features and additional configurations that a Detector has a field for.
const (
	featureRuntime     = "RUNTIME_MONITORING"
	featureEKSRuntime  = "EKS_RUNTIME_MONITORING" // the predecessor of Runtime Monitoring
	featureRDS         = "RDS_LOGIN_EVENTS"
	additionalRDS      = "RDS_DATA_RISK"
	additionalEKS      = "EKS_ADDON_MANAGEMENT"
	additionalFargate  = "ECS_FARGATE_AGENT_MANAGEMENT"
	additionalInstance = "EC2_AGENT_MANAGEMENT"
)

// features returns all features of the detector: the foundational data sources,
// which are always on, the optional ones and Runtime Monitoring.
func (d *Detector) features() []feature {
	list := []feature{d.feature("CLOUD_TRAIL", true), d.feature("DNS_LOGS", true), d.feature("FLOW_LOGS", true)}
	list = append(list, d.memberFeatures()...)
	return append(list, d.feature("AI_ANALYST", d.has("AI_ANALYST")))
}

// memberFeatures returns the features that GetMemberDetectors shows: those of
// the API's OrgFeature.
func (d *Detector) memberFeatures() []feature {
	var list []feature
	for _, name := range []string{
		"S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION", "LAMBDA_NETWORK_LOGS", "AI_PROTECTION",
	} {
		list = append(list, d.feature(name, d.has(name)))
	}
	rds, eks, runtime := d.has(featureRDS), d.has(featureEKSRuntime), !d.RuntimeMonitoringOff
	return append(
		list,
		d.feature(featureRDS, rds, d.feature(additionalRDS, rds && d.has(additionalRDS))),
		d.feature(featureEKSRuntime, eks, d.feature(additionalEKS, eks && !d.EKSAgentManagementOff)),
		d.feature(featureRuntime, runtime,
			d.feature(additionalEKS, runtime && !d.EKSAgentManagementOff),
			d.feature(additionalFargate, runtime && !d.AgentManagementOff),
			d.feature(additionalInstance, runtime && !d.EC2AgentManagementOff)),
	)
}

// has reports whether the optional feature, or additional configuration, is on.
func (d *Detector) has(name string) bool { return slices.Contains(d.Features, name) }

// feature returns the feature, or additional configuration, of that name.
func (d *Detector) feature(name string, on bool, additional ...feature) feature {
	f := feature{Name: name, Status: onOff(on), ManagedBy: d.ManagedBy, Additional: additional}
	if t := d.changedAt(name); !t.IsZero() {
		f.UpdatedAt = float64(t.UnixMilli()) / 1000
	}
	return f
}

// dataSource is the status of one data source.
type dataSource struct {
	Status string `json:"status"`
}

// dataSources is the predecessor of the features. It is deprecated but required
// in the response of GetMemberDetectors.
type dataSources struct {
	CloudTrail dataSource `json:"cloudTrail"`
	DNSLogs    dataSource `json:"dnsLogs"`
	FlowLogs   dataSource `json:"flowLogs"`
	S3Logs     dataSource `json:"s3Logs"`
	Kubernetes struct {
		AuditLogs dataSource `json:"auditLogs"`
	} `json:"kubernetes"`
	MalwareProtection struct {
		Scan struct {
			EBSVolumes dataSource `json:"ebsVolumes"`
		} `json:"scanEc2InstanceWithFindings"`
	} `json:"malwareProtection"`
}

func (d *Detector) dataSources() dataSources {
	on := dataSource{onOff(true)}
	out := dataSources{CloudTrail: on, DNSLogs: on, FlowLogs: on, S3Logs: dataSource{onOff(d.has("S3_DATA_EVENTS"))}}
	out.Kubernetes.AuditLogs.Status = onOff(d.has("EKS_AUDIT_LOGS"))
	out.MalwareProtection.Scan.EBSVolumes.Status = onOff(d.has("EBS_MALWARE_PROTECTION"))
	return out
}

// changedAt returns the time of the last change of a feature or configuration.
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
		ServiceRole: "arn:" + req.session.Partition + ":iam::" + req.session.AccountID +
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

// page is the paging part of a query string.
type page struct {
	query url.Values
	limit int
	token string
}

// readPage reads the query string. It returns an error for parameters that are
// repeated or not in allowed.
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

// badRequest returns GuardDuty's error for an invalid input.
func badRequest(format string, args ...any) error {
	return &awswire.APIError{
		Status: http.StatusBadRequest, Code: "BadRequestException", Detail: "InvalidInputException",
		Message: "The request is rejected because " + fmt.Sprintf(format, args...),
	}
}

// invalidParameter returns GuardDuty's error for an invalid value of a parameter.
func invalidParameter(format string, args ...any) error {
	return badRequest("an invalid or out-of-range value is specified as an input parameter: %s", fmt.Sprintf(format, args...))
}
