package simulator

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
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

// feature is an element of GetDetector's features. Its updatedAt, unlike the
// detector's, is a number.
type feature struct {
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	UpdatedAt  int64     `json:"updatedAt,omitempty"`
	Additional []feature `json:"additionalConfiguration,omitempty"`
}

func (s *Server) getDetector(req *request) (any, error) {
	d, err := s.ownDetector(req)
	if err != nil {
		return nil, err
	}
	if _, err := readPage(req); err != nil {
		return nil, err
	}
	part := func(name string, on bool, additional ...feature) feature {
		f := feature{Name: name, Status: onOff(on), Additional: additional}
		if !d.CreatedAt.IsZero() {
			f.UpdatedAt = d.CreatedAt.Unix()
		}
		return f
	}
	runtime := !d.RuntimeMonitoringOff
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
		CreatedAt: d.CreatedAt.UTC().Format(isoLayout), UpdatedAt: d.CreatedAt.UTC().Format(isoLayout),
		FindingPublishingFrequency: "SIX_HOURS",
		Tags:                       map[string]string{},
		Features: []feature{
			part("CLOUD_TRAIL", true), part("DNS_LOGS", true), part("FLOW_LOGS", true),
			part("EKS_RUNTIME_MONITORING", false),
			part("RUNTIME_MONITORING", runtime,
				part("EKS_ADDON_MANAGEMENT", false),
				part("ECS_FARGATE_AGENT_MANAGEMENT", runtime && !d.AgentManagementOff),
				part("EC2_AGENT_MANAGEMENT", runtime && !d.AgentManagementOff)),
		},
	}, nil
}

func onOff(on bool) string {
	if on {
		return "ENABLED"
	}
	return "DISABLED"
}

// member is an element of ListMembers' members; its times are text.
type member struct {
	AccountID          string `json:"accountId"`
	DetectorID         string `json:"detectorId,omitempty"`
	MasterID           string `json:"masterId"`
	AdministratorID    string `json:"administratorId"`
	Email              string `json:"email"`
	RelationshipStatus string `json:"relationshipStatus"`
	InvitedAt          string `json:"invitedAt"`
	UpdatedAt          string `json:"updatedAt"`
}

// listMembers lists the members in the order of their account IDs. One without
// a detector in the Region has been removed and is not associated.
func (s *Server) listMembers(req *request) (any, error) {
	d, err := s.ownDetector(req)
	if err != nil {
		return nil, err
	}
	page, err := readPage(req, "maxResults", "nextToken", "onlyAssociated")
	if err != nil {
		return nil, err
	}
	onlyAssociated := page.query.Get("onlyAssociated")
	if !slices.Contains([]string{"", "true", "false"}, onlyAssociated) {
		return nil, invalidParameter("onlyAssociated %q", onlyAssociated)
	}
	purpose := strings.Join([]string{req.call.Operation, d.ID, onlyAssociated}, "\n")
	var after string
	if page.token != "" && !s.sealer.open(purpose, page.token, &after) {
		return nil, invalidParameter("nextToken")
	}

	out := struct {
		Members   []member `json:"members"`
		NextToken string   `json:"nextToken,omitempty"`
	}{Members: []member{}}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(d.Members))) {
		m := s.member(req.session.AccountID, id, d)
		if id <= after || m.DetectorID == "" && onlyAssociated != "false" {
			continue
		}
		if len(out.Members) == page.limit {
			if out.NextToken, err = s.sealer.seal(purpose, out.Members[page.limit-1].AccountID); err != nil {
				return nil, fmt.Errorf("seal the page token: %w", err)
			}
			break
		}
		out.Members = append(out.Members, m)
	}
	return out, nil
}

// member describes the member account id of the administrator's detector d.
func (s *Server) member(administrator, id string, d *Detector) member {
	m := member{
		AccountID: id, MasterID: administrator, AdministratorID: administrator, RelationshipStatus: "Removed",
		InvitedAt: d.CreatedAt.UTC().Format(isoLayout), UpdatedAt: d.CreatedAt.UTC().Format(isoLayout),
	}
	if a := s.index.accounts[id]; a != nil {
		m.Email = a.Email
		if own := a.Detector(d.Region); own != nil {
			m.DetectorID, m.RelationshipStatus = own.ID, "Enabled"
			m.UpdatedAt = own.CreatedAt.UTC().Format(isoLayout)
		}
	}
	return m
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
