package diagnosis

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Deep is what EC2 and IAM show of the [Wanted]. What is missing is not known.
type Deep struct {
	Subnets map[string]Subnet // by ID
	VPCs    map[string]VPC    // by ID
	// Boundaries are the ARNs of the permissions boundaries by the role's ARN; ""
	// if the role has none.
	Boundaries map[string]string
	Refusals   []Refusal
}

// Subnet is a subnet of a VPC.
type Subnet struct {
	VPC     string // ID
	OwnerID string // account ID
	CIDR    string // of IPv4
}

// VPC is a VPC and its endpoints for the telemetry of GuardDuty's agent.
type VPC struct {
	DNSSupport, DNSHostnames Switch
	Endpoints                []Endpoint // nil if they are unknown
}

// Endpoint is a VPC endpoint.
type Endpoint struct {
	ID         string
	State      string // such as available
	PrivateDNS Switch
	// Sources are what the security groups let in on port 443: IP address ranges,
	// security groups and prefix lists; nil if they are unknown.
	Sources []string
	Allows  Switch // whether the policy allows guardduty:SendSecurityTelemetry
}

// Wanted is what a [Deep] should show: IDs of subnets and ARNs of roles.
type Wanted struct{ Subnets, Roles map[string]bool }

// Wanted returns the subnets and task execution roles of tasks with findings that
// a [Deep] may support.
func (e Evidence) Wanted() Wanted {
	x := newExamination(&e)
	for i := range x.tasks {
		x.examineTask(&x.tasks[i])
	}
	x.examineRow()
	delete(x.wanted.Subnets, "")
	delete(x.wanted.Roles, "")
	return x.wanted
}

// For returns the part of what was read for a cluster that wants w: refusals are
// only those of what it wants. It returns nil if it wants nothing.
func (d *Deep) For(w Wanted) *Deep {
	if len(w.Subnets)+len(w.Roles) == 0 {
		return nil
	}
	part := *d
	part.Refusals = slices.DeleteFunc(slices.Clone(d.Refusals), func(r Refusal) bool {
		service, _, _ := strings.Cut(r.Action, ":")
		return service == "ec2" && len(w.Subnets) == 0 || service == "iam" && len(w.Roles) == 0
	})
	return &part
}

func (x *examination) want(t *examined, c Cause) {
	switch c {
	case TelemetryDenied:
		x.wanted.Roles[x.executionRole(t)] = true
	case VPCEndpoint, SharedVPC, ImagePullUnreachable:
		x.wanted.Subnets[t.Subnet] = true
	}
}

func (x *examination) executionRole(t *examined) string {
	d, _ := x.definitionOf(t)
	return cmp.Or(t.ExecutionRole, d.ExecutionRole)
}

// boundaryOf returns a sentence on the permissions boundary of a task's execution
// role, "" if it is not known.
func (x *examination) boundaryOf(t *examined) string {
	if x.Deep == nil {
		return ""
	}
	switch boundary, known := x.Deep.Boundaries[x.executionRole(t)]; {
	case !known:
		return ""
	case boundary == "":
		return " The task execution role has no permissions boundary."
	default:
		return fmt.Sprintf(" The task execution role has the permissions boundary %s.", boundary)
	}
}

// path is what is known of the way from a task to GuardDuty. The zero value means
// nothing.
type path struct {
	vpc    string // ID
	owner  string // account ID of the owner of a shared VPC, "" if it is not shared
	noDNS  bool
	absent bool // the VPC has no endpoint
	// defects are what keeps the agent from using an endpoint of the VPC, except
	// that there is none.
	defects []string
	usable  string // the ID of an endpoint without a defect, if everything is known
}

func (x *examination) pathOf(t *examined) path {
	if x.Deep == nil {
		return path{}
	}
	subnet, ok := x.Deep.Subnets[t.Subnet]
	if !ok {
		return path{}
	}
	p := path{vpc: subnet.VPC}
	if subnet.OwnerID != "" && subnet.OwnerID != x.Cluster.AccountID {
		p.owner = subnet.OwnerID
		return p // the owner's endpoints are not visible
	}
	vpc := x.Deep.VPCs[subnet.VPC]
	p.noDNS = vpc.DNSSupport == Off
	if p.noDNS {
		p.defects = append(p.defects, "enableDnsSupport is off")
	}
	if vpc.DNSHostnames == Off {
		p.defects = append(p.defects, "enableDnsHostnames is off")
	}
	p.absent = vpc.Endpoints != nil && len(vpc.Endpoints) == 0
	var defects []string
	for _, e := range slices.SortedFunc(slices.Values(vpc.Endpoints), func(a, b Endpoint) int { return cmp.Compare(a.ID, b.ID) }) {
		of, known := e.defects(subnet)
		if len(of) == 0 { // this one may work
			if known && len(p.defects) == 0 && vpc.DNSSupport == On && vpc.DNSHostnames == On {
				p.usable = e.ID
			}
			return p
		}
		defects = append(defects, of...)
	}
	p.defects = append(p.defects, defects...)
	return p
}

// defects returns what keeps tasks in a subnet from using the endpoint, and
// whether everything is known.
func (e Endpoint) defects(s Subnet) (defects []string, known bool) {
	known = e.PrivateDNS != Unknown && e.Allows != Unknown
	if !strings.EqualFold(e.State, "available") {
		defects = append(defects, fmt.Sprintf("the endpoint %s has the state %s", e.ID, quoteEmpty(e.State)))
	}
	if e.PrivateDNS == Off {
		defects = append(defects, fmt.Sprintf("the endpoint %s has no private DNS", e.ID))
	}
	switch e.admits(s) {
	case Off:
		defects = append(defects, fmt.Sprintf("the security groups of the endpoint %s do not let the tasks' subnet in on port 443", e.ID))
	case Unknown:
		known = false
	}
	if e.Allows == Off {
		defects = append(defects, fmt.Sprintf("the policy of the endpoint %s denies guardduty:SendSecurityTelemetry", e.ID))
	}
	return defects, known
}

// admits reports whether the endpoint lets in a subnet, or a part of it. Members
// of security groups and prefix lists are not known.
func (e Endpoint) admits(s Subnet) Switch {
	subnet, err := netip.ParsePrefix(s.CIDR)
	if e.Sources == nil {
		return Unknown
	}
	admits := Off
	for _, source := range e.Sources {
		switch prefix, invalid := netip.ParsePrefix(source); {
		case invalid != nil || err != nil:
			admits = Unknown
		case prefix.Overlaps(subnet):
			return On
		}
	}
	return admits
}

// support adds what is known to a finding that the endpoint may be wrong. needed
// reports whether the agent has no way but an endpoint.
func (p path) support(f Finding, needed bool) Finding {
	in := fmt.Sprintf(". The tasks are in %s", p.vpc)
	if p.vpc != "" {
		f.Evidence = strings.TrimSuffix(f.Evidence, ".")
	}
	switch {
	case p.owner != "":
		f.Cause, f.Certainty = SharedVPC, Strong
		f.Evidence += fmt.Sprintf("%s, which the account %s owns and shares.", in, p.owner)
	case len(p.defects) > 0 || p.absent:
		defects := p.defects
		f.Cause = VPCEndpoint
		switch {
		case !needed:
			f.Certainty = Hint
		case len(defects) > 0:
			f.Certainty = Proof
		default: // there may be one in a central VPC
			f.Certainty = Strong
		}
		if p.absent {
			defects = append(slices.Clip(defects), "there is no endpoint for the telemetry")
		}
		f.Evidence += fmt.Sprintf("%s: %s.", in, strings.Join(defects, "; "))
	case p.usable != "":
		f.Certainty = Hint
		f.Evidence += fmt.Sprintf("%s, and nothing wrong was found with its endpoint %s.", in, p.usable)
	case p.vpc != "":
		f.Evidence += in + "."
	}
	return f
}

// withoutDNS returns a sentence if no name can be resolved, otherwise "".
func (p path) withoutDNS() string {
	if !p.noDNS {
		return ""
	}
	return fmt.Sprintf(" enableDnsSupport is off in %s.", p.vpc)
}
