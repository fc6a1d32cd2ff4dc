package simulator

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

const ec2Version = "2016-11-15"

func (req *request) routeEC2() {
	if !req.readQuery() {
		return
	}
	req.setOperation(map[string]operation{
		"DescribeSubnets":        (*Server).describeSubnets,
		"DescribeVpcEndpoints":   (*Server).describeVPCEndpoints,
		"DescribeVpcAttribute":   (*Server).describeVPCAttribute,
		"DescribeSecurityGroups": (*Server).describeSecurityGroups,
	}, req.form.Get("Action"))
}

func ec2Invalid(format string, args ...any) error {
	return awswire.Errorf("InvalidParameterValue", format, args...)
}

// ec2Item is an element of a response with the values that it can be found by: id
// and the names of filters.
type ec2Item struct {
	id     string
	values map[string]string
	item   any
}

// ec2Listing are the items that an operation lists, the name of the response's
// list, and the name of the parameter and the error code for those that are
// requested by ID.
type ec2Listing struct {
	items               []ec2Item
	set, idName, noCode string
}

var filterParameter = regexp.MustCompile(`^Filter\.(\d+)\.(Name|Value\.\d+)$`)

// ec2Page is a response with a list, which is present if it is empty.
type ec2Page struct {
	XMLName   xml.Name
	RequestID string `xml:"requestId"`
	Set       struct {
		XMLName xml.Name
		Items   []any `xml:"item"`
	}
	NextToken string `xml:"nextToken,omitempty"`
}

// page returns the response to a request for items of a listing.
func (s *Server) page(req *request, l ec2Listing) (any, error) {
	items, token, err := s.find(req, l)
	out := ec2Page{XMLName: ec2Name(req), RequestID: req.id, NextToken: token}
	out.Set.XMLName.Local, out.Set.Items = l.set, items
	return out, err
}

// find returns the items that the request asks for, one page, and the next token.
func (s *Server) find(req *request, l ec2Listing) (page []any, token string, err error) {
	ids, filters, err := l.readForm(req.form)
	if err != nil {
		return nil, "", err
	}
	byID, names := map[string]ec2Item{}, []string{}
	for _, i := range l.items {
		byID[i.id] = i
		matches := len(ids) == 0 || slices.Contains(ids, i.id)
		for name, values := range filters {
			value, known := i.values[name]
			if !known {
				return nil, "", ec2Invalid("The filter '%s' is invalid", name)
			}
			matches = matches && slices.Contains(values, value)
		}
		if matches {
			names = append(names, i.id)
		}
	}
	for _, id := range ids {
		if _, ok := byID[id]; !ok {
			return nil, "", awswire.Errorf(l.noCode, "The ID '%s' does not exist", id)
		}
	}
	limit := 1000
	if text := req.form.Get("MaxResults"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 5 || limit > 1000 || len(ids) > 0 {
			return nil, "", ec2Invalid("Value ( %s ) for parameter maxResults is invalid. Expecting a value between 5 and 1000, without IDs.", text)
		}
	}
	found, token, err := s.pageOf(names, limit, req.form.Get("NextToken"), req.call.Operation, req.session.AccountID, req.call.Region)
	if errors.Is(err, errInvalidToken) {
		err = ec2Invalid("%v", err)
	}
	if err != nil {
		return nil, "", err
	}
	for _, id := range found {
		page = append(page, byID[id].item)
	}
	return page, token, nil
}

func (l ec2Listing) readForm(form url.Values) (ids []string, filters map[string][]string, err error) {
	names, values := map[string]string{}, map[string][]string{} // by number
	id := regexp.MustCompile(`^` + l.idName + `\.\d+$`)
	for key, value := range form {
		filter := filterParameter.FindStringSubmatch(key)
		switch {
		case len(value) != 1:
			return nil, nil, ec2Invalid("%s is repeated", key)
		case len(filter) == 3 && filter[2] == "Name":
			names[filter[1]] = value[0]
		case len(filter) == 3:
			values[filter[1]] = append(values[filter[1]], value[0])
		case id.MatchString(key):
			ids = append(ids, value[0])
		case !slices.Contains([]string{"Action", "Version", "MaxResults", "NextToken"}, key):
			return nil, nil, awswire.Errorf("UnknownParameter", "The parameter %s is not recognized", key)
		}
	}
	filters = map[string][]string{}
	for number, name := range names {
		if n := len(values[number]); n == 0 || n > 200 {
			return nil, nil, awswire.Errorf("FilterLimitExceeded", "The filter '%s' has %d values, not 1 to 200", name, n)
		}
		filters[name] = values[number]
	}
	if form.Get("Version") != ec2Version {
		return nil, nil, awswire.Errorf("NoSuchVersion", "The requested version (%s) of service AmazonEC2 does not exist", form.Get("Version"))
	}
	return ids, filters, nil
}

// ec2Name is the name of a response's element.
func ec2Name(req *request) xml.Name {
	return xml.Name{Space: "http://ec2.amazonaws.com/doc/" + ec2Version + "/", Local: req.call.Operation + "Response"}
}

type ec2Subnet struct {
	SubnetID  string `xml:"subnetId"`
	SubnetARN string `xml:"subnetArn"`
	State     string `xml:"state"`
	OwnerID   string `xml:"ownerId"`
	VPCID     string `xml:"vpcId"`
	CIDRBlock string `xml:"cidrBlock"`
}

func (s *Server) describeSubnets(req *request) (any, error) {
	listing := ec2Listing{set: "subnetSet", idName: "SubnetId", noCode: "InvalidSubnetID.NotFound"}
	for _, v := range s.vpcsOf(req.session.AccountID, req.call.Region) {
		for _, subnet := range v.Subnets {
			listing.items = append(listing.items, ec2Item{
				subnet.id(),
				map[string]string{"subnet-id": subnet.id(), "vpc-id": v.ID, "owner-id": v.owner},
				ec2Subnet{subnet.id(), arn("ec2", v.Region, v.owner, "subnet/"+subnet.id()), "available", v.owner, v.ID, cmp.Or(subnet.CIDR, "10.0.0.0/24")},
			})
		}
	}
	return s.page(req, listing)
}

type ec2Attribute struct {
	Value bool `xml:"value"`
}

func (s *Server) describeVPCAttribute(req *request) (any, error) {
	id, attribute := req.form.Get("VpcId"), req.form.Get("Attribute")
	vpcs := s.vpcsOf(req.session.AccountID, req.call.Region)
	i := slices.IndexFunc(vpcs, func(v ownedVPC) bool { return v.ID == id })
	if i < 0 {
		return nil, awswire.Errorf("InvalidVpcID.NotFound", "The vpc ID '%s' does not exist", id)
	}
	out := struct {
		XMLName      xml.Name
		RequestID    string        `xml:"requestId"`
		VPCID        string        `xml:"vpcId"`
		DNSSupport   *ec2Attribute `xml:"enableDnsSupport"`
		DNSHostnames *ec2Attribute `xml:"enableDnsHostnames"`
	}{XMLName: ec2Name(req), RequestID: req.id, VPCID: id}
	switch attribute {
	case "enableDnsSupport":
		out.DNSSupport = &ec2Attribute{!vpcs[i].DNSSupportOff}
	case "enableDnsHostnames":
		out.DNSHostnames = &ec2Attribute{!vpcs[i].DNSHostnamesOff}
	default:
		return nil, ec2Invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", attribute)
	}
	return out, nil
}

// serviceOf returns the endpoint's Service, or its default.
func (e *VPCEndpoint) serviceOf(region string) string {
	return cmp.Or(e.Service, fmt.Sprintf("com.amazonaws.%s.guardduty-data", region))
}
