// Package ecs reads from Amazon ECS why tasks have no GuardDuty agent: clusters,
// tasks, services and task definitions of the accounts that a coverage target
// shows. It is the only importer of the SDK's service/ecs and returns none of its
// types. A [Client] reads one account and Region, a [Monitor] decides when.
//
// Source: the operations of [Operations] in the ECS API reference (read November
// 2026).
package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// Limits of what is read of one account and Region.
const (
	maxClusters = 10_000 // the quota of ECS, which AWS may raise
	maxTasks    = 5_000  // of a cluster that are kept
	maxListed   = 20_000 // tasks of a cluster that are described, to find the newest of them
	// maxPages ends a listing that returns new tokens without end. Pages have up to
	// 100 entries but may be empty.
	maxPages = 1_000
	pageSize = 100
)

// Options configures a Client. All fields are required.
type Options struct {
	AccountID string
	Region    string
	// Config has the credentials of the account, the Region, limits and metrics.
	Config aws.Config
}

// Client reads one account and Region. It is safe for concurrent use.
type Client struct {
	o           Options
	api         *api
	definitions definitions
}

// NewClient returns a Client. It makes no calls.
func NewClient(o Options) *Client {
	return &Client{o: o, api: newAPI(ecs.NewFromConfig(o.Config))}
}

// Query is a cluster to read.
type Query struct {
	Cluster string             // its name in ECS
	Row     *coverage.Resource // of GuardDuty; nil if GuardDuty does not list the cluster
}

// Reading is the result of [Client.Read], except for the evidence.
type Reading struct {
	// Gone are the clusters that do not exist any more.
	Gone []string
	// Refusal is why not everything was read: the error of the first refused call, or
	// that a cluster has too many tasks; nil if everything was. The clusters concerned
	// have [diagnosis.Evidence.Refusals] or are Truncated.
	Refusal error
}

// Read reads clusters and calls each with the evidence of each, in the order of
// the queries. Only GuardDuty's part of the evidence is not complete, see
// [Account.Complete]. A call that AWS refuses for one cluster is a refusal in its
// evidence. An error means that the account could not be read: there are no
// credentials or no connection, AWS throttles, or denies every call. Then clusters
// may be missing.
func (c *Client) Read(ctx context.Context, queries []Query, each func(diagnosis.Evidence)) (*Reading, error) {
	r := &reader{client: c, each: each, results: map[string]*result{}}
	err := r.readAccountSetting(ctx)
	for batch := range slices.Chunk(queries, pageSize) {
		if err == nil {
			err = r.readClusters(ctx, batch)
		}
	}
	if err == nil && r.Refusal != nil && !r.succeeded() {
		err = r.Refusal
	}
	if err != nil {
		return &r.Reading, fmt.Errorf("read ECS: %w", err)
	}
	return &r.Reading, nil
}

// List returns the names of all clusters, at most 10,000, and whether there are
// more.
func (c *Client) List(ctx context.Context) (names []string, truncated bool, err error) {
	r := &reader{client: c, results: map[string]*result{}}
	err = paging.Each(maxPages, func(token *string) (*string, error) {
		out, err := invoke(ctx, r, listClusters, c.api.listClusters, &ecs.ListClustersInput{
			NextToken: token, MaxResults: aws.Int32(pageSize),
		})
		if err != nil {
			return nil, err
		}
		if out.ClusterArns == nil {
			return nil, fmt.Errorf("%w: no clusterArns", coverage.ErrInvalidResponse)
		}
		for _, arn := range out.ClusterArns {
			if _, name, ok := strings.Cut(arn, ":cluster/"); ok && isName(name) {
				names = append(names, strings.Clone(name))
			}
		}
		if truncated = len(names) > maxClusters || len(names) == maxClusters && aws.ToString(out.NextToken) != ""; truncated {
			names = names[:maxClusters]
			return nil, nil
		}
		return out.NextToken, nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("list the clusters: %w", err)
	}
	return names, truncated, nil
}

// isName reports whether s may be the name of a cluster or of the family of a task
// definition. Names of GuardDuty's rows may be changed, see
// [coverage.SanitizeName]; ECS does not know those.
func isName(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// reader is one read of a Client.
type reader struct {
	Reading
	client         *Client
	each           func(diagnosis.Evidence)
	accountSetting diagnosis.Switch
	refusals       []diagnosis.Refusal // of calls that concern all clusters
	results        map[string]*result  // by operation
}

func (r *reader) readAccountSetting(ctx context.Context) error {
	out, err := invoke(ctx, r, listAccountSettings, r.client.api.listAccountSettings, &ecs.ListAccountSettingsInput{
		Name: types.SettingNameGuardDutyActivate, EffectiveSettings: true,
	})
	if err == nil && out.Settings == nil {
		err = fmt.Errorf("%w: no settings", coverage.ErrInvalidResponse)
	}
	if err != nil {
		return r.note(ctx, &r.refusals, listAccountSettings, err)
	}
	for _, s := range out.Settings {
		if s.Name == types.SettingNameGuardDutyActivate {
			r.accountSetting = switchOf(aws.ToString(s.Value))
		}
	}
	return nil
}

// readClusters reads clusters that one DescribeClusters can describe.
func (r *reader) readClusters(ctx context.Context, queries []Query) error {
	var names []string
	for _, q := range queries {
		if isName(q.Cluster) {
			names = append(names, q.Cluster)
		}
	}
	refusals := slices.Clone(r.refusals)
	described, err := r.describeClusters(ctx, names)
	if err != nil {
		if err := r.note(ctx, &refusals, describeClusters, err); err != nil {
			return err
		}
	}
	for _, q := range queries {
		found, ok := described[q.Cluster]
		switch {
		case !isName(q.Cluster):
			refusals := append(slices.Clone(refusals), diagnosis.Refusal{
				Action: action(describeClusters), Reason: "the name of the cluster in ECS is not known",
			})
			r.each(r.evidence(q, nil, refusals))
		case err == nil && !ok:
			r.Gone = append(r.Gone, q.Cluster)
		default:
			if err := r.readCluster(ctx, q, r.evidence(q, found, refusals)); err != nil {
				return fmt.Errorf("cluster %s: %w", q.Cluster, err)
			}
		}
	}
	return nil
}

func (r *reader) evidence(q Query, tags map[string]string, refusals []diagnosis.Refusal) diagnosis.Evidence {
	o := r.client.o
	return diagnosis.Evidence{
		Cluster: diagnosis.Cluster{AccountID: o.AccountID, Region: o.Region, Name: coverage.SanitizeName(q.Cluster)},
		ReadAt:  time.Now(), Row: q.Row, AccountSetting: r.accountSetting, Tags: tags, Refusals: slices.Clone(refusals),
		TaskDefinitions: map[string]diagnosis.TaskDefinition{},
	}
}

// describeClusters returns the tags of clusters that exist, nil if they are unknown.
func (r *reader) describeClusters(ctx context.Context, names []string) (map[string]map[string]string, error) {
	described := map[string]map[string]string{}
	if len(names) == 0 {
		return described, nil
	}
	out, err := invoke(ctx, r, describeClusters, r.client.api.describeClusters, &ecs.DescribeClustersInput{
		Clusters: names, Include: []types.ClusterField{types.ClusterFieldTags},
	})
	if err != nil {
		return nil, err
	}
	for _, f := range out.Failures {
		if reason := aws.ToString(f.Reason); reason != missing {
			return nil, fmt.Errorf("%w: a cluster has the failure %q", coverage.ErrInvalidResponse, coverage.Sanitize(reason))
		}
	}
	deleted := map[string]bool{}
	for _, c := range out.Clusters {
		if aws.ToString(c.Status) == "INACTIVE" { // ECS describes it for a while
			deleted[aws.ToString(c.ClusterName)] = true
			continue
		}
		described[strings.Clone(aws.ToString(c.ClusterName))] = tagsOf(c.Tags)
	}
	absent := 0
	for _, name := range names {
		if _, ok := described[name]; !ok && !deleted[name] {
			absent++
		}
	}
	if absent > len(out.Failures) {
		return nil, fmt.Errorf("%w: not all clusters are described", coverage.ErrInvalidResponse)
	}
	return described, nil
}
