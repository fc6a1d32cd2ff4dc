package simulator

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

const iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"

func (req *request) routeIAM() {
	if req.readQuery() {
		req.setOperation(map[string]operation{"GetRole": (*Server).getRole}, req.form.Get("Action"))
	}
}

type iamRole struct {
	Path       string
	RoleName   string
	RoleID     string `xml:"RoleId"`
	ARN        string `xml:"Arn"`
	CreateDate string
	Boundary   *iamBoundary `xml:"PermissionsBoundary"`
}

type iamBoundary struct {
	Type string `xml:"PermissionsBoundaryType"`
	ARN  string `xml:"PermissionsBoundaryArn"`
}

// getRole returns one of the caller's roles by its name without the path.
func (s *Server) getRole(req *request) (any, error) {
	name := req.form.Get("RoleName")
	a := s.index.accounts[req.session.AccountID]
	role := first(a.Roles, func(r *Role) bool { return r.Name[strings.LastIndexByte(r.Name, '/')+1:] == name })
	if role == nil {
		return nil, &awswire.APIError{
			Status: http.StatusNotFound, Code: "NoSuchEntity", Message: fmt.Sprintf("The role with name %s cannot be found.", name),
		}
	}
	out := struct {
		XMLName  xml.Name
		Role     iamRole     `xml:"GetRoleResult>Role"`
		Metadata stsMetadata `xml:"ResponseMetadata"`
	}{XMLName: xml.Name{Space: iamNamespace, Local: "GetRoleResponse"}, Metadata: stsMetadata{req.id}}
	out.Role = iamRole{
		Path: "/" + strings.TrimSuffix(role.Name, name), RoleName: name, RoleID: session{AccountID: a.ID, Role: role.Name}.roleID(),
		ARN: "arn:" + req.session.Partition + ":iam::" + a.ID + ":role/" + role.Name, CreateDate: "2026-01-01T00:00:00Z",
	}
	if role.PermissionsBoundary != "" {
		out.Role.Boundary = &iamBoundary{"PermissionsBoundaryPolicy", role.PermissionsBoundary}
	}
	return out, nil
}
