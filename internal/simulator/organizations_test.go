package simulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go/document"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// organizationWorld is smallWorld with an organization of the management account
// 100000000000, the administrator, the member, and n empty accounts.
func organizationWorld(n, emptyPages int) *simulator.World {
	const management = "100000000000"
	w := smallWorld()
	w.Accounts = append(w.Accounts, &simulator.Account{
		ID: management, Name: "management", Email: "root@example.com", Keys: keysOf(management),
		JoinedAt: time.Date(2020, 1, 2, 3, 4, 5, 500e6, time.UTC),
	})
	w.Account(memberID).State = "PENDING_ACTIVATION"
	w.Organization = &simulator.Organization{
		ManagementAccount: management, Delegated: []string{administrator}, Accounts: []string{memberID, administrator}, EmptyPages: emptyPages,
	}
	for i := range n {
		w.Organization.Accounts = append(w.Organization.Accounts, fmt.Sprintf("5000000000%02d", i))
	}
	return w
}

func TestListAccounts(t *testing.T) {
	_, url := serve(t, organizationWorld(0, 0), simulator.Options{})
	for _, caller := range []string{"100000000000", administrator} {
		out, err := organizations.NewFromConfig(awsConfig(url, caller)).ListAccounts(t.Context(), &organizations.ListAccountsInput{})
		if err != nil {
			t.Fatal(err)
		}
		arn := func(id string) *string {
			return aws.String("arn:aws:organizations::100000000000:account/o-simulator0/" + id)
		}
		want := []types.Account{
			{
				Id: aws.String("100000000000"), Arn: arn("100000000000"), Name: aws.String("management"), Email: aws.String("root@example.com"),
				State: "ACTIVE", Status: "ACTIVE", JoinedMethod: "INVITED",
				JoinedTimestamp: aws.Time(time.Date(2020, 1, 2, 3, 4, 5, 500e6, time.UTC)),
			},
			{
				Id: aws.String(administrator), Arn: arn(administrator), Name: aws.String(""), Email: aws.String("security@example.com"),
				State: "ACTIVE", Status: "ACTIVE", JoinedMethod: "CREATED",
			},
			{ // in a state that Status has no word for
				Id: aws.String(memberID), Arn: arn(memberID), Name: aws.String(""), Email: aws.String("member@example.com"),
				State: "PENDING_ACTIVATION", JoinedMethod: "CREATED",
			},
		}
		if diff := cmp.Diff(want, out.Accounts, cmpopts.IgnoreTypes(document.NoSerde{})); diff != "" {
			t.Errorf("%s sees (-want +got):\n%s", caller, diff)
		}
		if out.NextToken != nil {
			t.Errorf("the only page has the token %q", *out.NextToken)
		}
	}
}

func TestListAccountsPages(t *testing.T) {
	for _, tc := range []struct {
		name    string
		empty   int
		maximum *int32
		sizes   []int // of the pages
	}{
		{"plain", 0, nil, []int{20, 20, 5}},
		{"small", 0, aws.Int32(15), []int{15, 15, 15}},
		{"with empty pages", 2, nil, []int{0, 0, 20, 0, 0, 20, 0, 0, 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, url := serve(t, organizationWorld(42, tc.empty), simulator.Options{})
			client := organizations.NewFromConfig(awsConfig(url, administrator))
			var ids []string
			var sizes []int
			pages := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{MaxResults: tc.maximum})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				sizes = append(sizes, len(page.Accounts))
				for _, a := range page.Accounts {
					ids = append(ids, *a.Id)
				}
			}
			if !slices.Equal(sizes, tc.sizes) || !slices.IsSorted(ids) || len(slices.Compact(ids)) != 45 {
				t.Errorf("pages of %v with %v", sizes, ids)
			}
		})
	}
}

func TestListAccountsRefusals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*simulator.World)
		body   string
		keys   simulator.Keys
		code   string // "" when accepted
	}{
		{name: "accepted", body: `{"MaxResults":20}`},
		{name: "no page", body: `{"MaxResults":0}`, code: "InvalidInputException"},
		{name: "large page", body: `{"MaxResults":21}`, code: "InvalidInputException"},
		{name: "made-up token", body: `{"NextToken":"x"}`, code: "InvalidInputException"},
		{name: "other case", body: `{"maxResults":5}`, code: "InvalidInputException"},
		{name: "a member account", keys: keysOf(memberID), code: "AccessDeniedException"},
		{name: "another organization's account", keys: keysOf(outsider), code: "AWSOrganizationsNotInUseException"},
		{
			name:   "no organization",
			change: func(w *simulator.World) { w.Organization = nil },
			code:   "AWSOrganizationsNotInUseException",
		},
		{name: "unknown key", keys: simulator.Keys{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}, code: "UnrecognizedClientException"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, url := serve(t, organizationWorld(0, 0), simulator.Options{})
			if tc.change != nil {
				s.Update(tc.change)
			}
			call := rawCall{method: http.MethodPost, path: "/", service: "organizations", body: tc.body, keys: tc.keys}
			call.modify = func(r *http.Request) { // not signed: SDKs sign it, and need not
				r.Header.Set("X-Amz-Target", "AWSOrganizationsV20161128.ListAccounts")
				r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			}
			got := call.do(t, url)
			if got.header.Get("Content-Type") != "application/x-amz-json-1.1" {
				t.Errorf("content type is %q", got.header.Get("Content-Type"))
			}
			if tc.code == "" {
				if got.status != http.StatusOK {
					t.Errorf("%d %s", got.status, got.body)
				}
				return
			}
			// the code is in the body, and every refusal has the same status
			if got.status != http.StatusBadRequest || !strings.HasPrefix(got.body, `{"__type":"`+tc.code+`","Message":"`) {
				t.Errorf("%d %s, want %s", got.status, got.body, tc.code)
			}
			if calls := s.Calls(); len(calls) != 1 || calls[0].Operation != "ListAccounts" || calls[0].Error != tc.code {
				t.Errorf("recorded %+v", calls)
			}
		})
	}
}

func TestUnknownTarget(t *testing.T) {
	_, url := serve(t, organizationWorld(0, 0), simulator.Options{})
	_, err := organizations.NewFromConfig(awsConfig(url, administrator)).DescribeOrganization(t.Context(), &organizations.DescribeOrganizationInput{})
	if code := errorCode(t, err); code != "UnknownOperationException" {
		t.Errorf("error is %v", err)
	}
}
