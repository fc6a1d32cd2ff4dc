package simulator

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

const (
	// ecsTarget is the prefix of X-Amz-Target in a call of ECS.
	ecsTarget = "AmazonEC2ContainerServiceV20141113."
	// ecsLimit is the maximum of a page and of most batches of ECS.
	ecsLimit = 100
)

func (req *request) routeECS() {
	action, ok := strings.CutPrefix(req.http.Header.Get("X-Amz-Target"), ecsTarget)
	if !ok || req.http.Method != http.MethodPost || req.http.URL.Path != "/" {
		return
	}
	req.setOperation(map[string]operation{
		"ListClusters":               (*Server).listClusters,
		"DescribeClusters":           (*Server).describeClusters,
		"ListServices":               (*Server).listServices,
		"DescribeServices":           (*Server).describeServices,
		"UpdateService":              (*Server).updateService,
		"ListTasks":                  (*Server).listTasks,
		"DescribeTasks":              (*Server).describeTasks,
		"DescribeTaskDefinition":     (*Server).describeTaskDefinition,
		"ListContainerInstances":     (*Server).listContainerInstances,
		"DescribeContainerInstances": (*Server).describeContainerInstances,
		"ListAccountSettings":        (*Server).listAccountSettings,
	}, action)
}

// decodeECS reads the body of a call of ECS, whose members may be those of names.
func decodeECS(req *request, v any, names ...string) error {
	if err := awswire.Decode(req.body, v, names...); err != nil {
		return awswire.Errorf("SerializationException", "%v", err)
	}
	return nil
}

// ecsCluster is a cluster as ECS has it.
type ecsCluster struct {
	*Cluster
	account *Account
}

// arnOf returns the ARN of one of the cluster's objects, such as a task.
func (c ecsCluster) arnOf(kind, id string) string {
	if !c.OldARNs {
		id = c.Name + "/" + id
	}
	return arn("ecs", c.Region, c.account.ID, kind+"/"+id)
}

// clusterARN returns the ARN of the cluster.
func (c ecsCluster) clusterARN() string { return c.arn(c.account.ID) }

// resolve returns the ID, or name, of one of the cluster's objects that is given by
// its ARN or ID.
func (c ecsCluster) resolve(kind, ref string) (string, error) {
	if !strings.HasPrefix(ref, "arn:") {
		return ref, nil
	}
	id, ok := strings.CutPrefix(ref, arn("ecs", c.Region, c.account.ID, kind+"/"))
	if !ok {
		return "", ecsInvalid("Invalid identifier: %s is not a %s of the account in this Region.", ref, kind)
	}
	if cluster, rest, found := strings.Cut(id, "/"); found {
		if cluster != c.Name {
			return "", ecsInvalid("Invalid identifier: Identifier is for cluster %s. Your cluster is %s", cluster, c.Name)
		}
		id = rest
	}
	return id, nil
}

// findECSCluster returns the caller's cluster that is given by its name or ARN, by
// default the one with the name default, and whether it exists.
func (s *Server) findECSCluster(req *request, ref string) (ecsCluster, bool) {
	a := s.index.accounts[req.session.AccountID]
	name := cmp.Or(ref, "default")
	if strings.HasPrefix(name, "arn:") {
		var ok bool
		if name, ok = strings.CutPrefix(name, arn("ecs", req.call.Region, a.ID, "cluster/")); !ok {
			return ecsCluster{}, false
		}
	}
	c := a.Cluster(req.call.Region, name)
	return ecsCluster{c, a}, c != nil && !c.Deleted
}

// ecsClusterOf is like findECSCluster, with ECS's error for a cluster that does not
// exist.
func (s *Server) ecsClusterOf(req *request, ref string) (ecsCluster, error) {
	c, found := s.findECSCluster(req, ref)
	if !found {
		return c, awswire.Errorf("ClusterNotFoundException", "Cluster not found.")
	}
	return c, nil
}

// ecsPage is the paging part of a call of ECS.
type ecsPage struct {
	MaxResults *int   `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

// ecsLimits are the default and maximum number of elements of a page.
type ecsLimits struct{ standard, maximum int }

// ecsPageOf is like pageOf, with the limits and errors of ECS.
func (s *Server) ecsPageOf(list []string, in ecsPage, limits ecsLimits, scope ...string) (page []string, token string, err error) {
	limit := limits.standard
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if limit < 1 || limit > limits.maximum {
		return nil, "", ecsInvalid("maxResults %d is not between 1 and %d", limit, limits.maximum)
	}
	page, token, err = s.pageOf(list, limit, in.NextToken, scope...)
	if errors.Is(err, errInvalidToken) {
		err = ecsInvalid("%v", err)
	}
	return page, token, err
}

// each calls add with the ID of each reference to one of the cluster's objects, and
// returns a failure for each that add does not find.
func (c ecsCluster) each(kind string, refs []string, add func(id string) (found bool)) ([]ecsFailure, error) {
	failures := []ecsFailure{}
	for _, ref := range refs {
		id, err := c.resolve(kind, ref)
		if err != nil {
			return nil, err
		}
		if !add(id) {
			failures = append(failures, missing(c.arnOf(kind, id)))
		}
	}
	return failures, nil
}

// checkECSBatch returns an error unless the number of things in a batch is from 1 to
// limit.
func checkECSBatch(things string, n, limit int) error {
	switch {
	case n == 0:
		return ecsInvalid("%s cannot be empty.", things)
	case n > limit:
		return ecsInvalid("%s cannot have more than %d elements.", things, limit)
	default:
		return nil
	}
}

// checkInclude returns whether include has TAGS, and an error if it has a value that
// is not in allowed.
func checkInclude(include []string, allowed ...string) (tags bool, err error) {
	for _, value := range include {
		if !slices.Contains(allowed, value) {
			return false, ecsInvalid("include %s is not one of %s", value, strings.Join(allowed, ", "))
		}
	}
	return slices.Contains(include, includeTags), nil
}

const includeTags = "TAGS"

// ecsFailure is a requested object that could not be described.
type ecsFailure struct {
	ARN    string `json:"arn"`
	Reason string `json:"reason"`
}

// missing returns the failure of an object that does not exist.
func missing(arn string) ecsFailure { return ecsFailure{arn, "MISSING"} }

// ecsPair is a name with a value.
type ecsPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ecsTag is a tag.
type ecsTag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// tagsOf returns tags in the form of the API, sorted by key; none unless include is
// set.
func tagsOf(tags map[string]string, include bool) []ecsTag {
	list := []ecsTag{}
	if !include {
		return list
	}
	for key, value := range tags {
		list = append(list, ecsTag{key, value})
	}
	slices.SortFunc(list, func(a, b ecsTag) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// epoch returns a time in the form of ECS: seconds with a fraction; 0 if it is zero.
func epoch(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// ecsInvalid returns ECS's error for an invalid parameter.
func ecsInvalid(format string, args ...any) error {
	return awswire.Errorf("InvalidParameterException", format, args...)
}
