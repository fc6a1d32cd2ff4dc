package faulttest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// accessDenied is the refusal of GuardDuty and Account.
func accessDenied(w http.ResponseWriter, r *http.Request) {
	refusal(403, "AccessDeniedException", "User is not authorized to perform this action")(w, r)
}

// deniedByOrganizations is the refusal of Organizations.
func deniedByOrganizations(w http.ResponseWriter, r *http.Request) {
	text := fmt.Sprintf(`{"__type":"AccessDeniedException","Message":%q}`, indiscreet("You don't have permissions to access this resource.", r))
	body(400, "application/x-amz-json-1.1", text)(w, r)
}

// deniedBySTS is the refusal of STS.
func deniedBySTS(w http.ResponseWriter, r *http.Request) { errorOfSTS(403, "AccessDenied")(w, r) }

func errorOfSTS(status int, code string) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		var message strings.Builder
		_ = xml.EscapeText(&message, []byte(indiscreet("It does not work.", r))) // a strings.Builder takes everything
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>`+code+
			`</Code><Message>`+message.String()+`</Message></Error><RequestId>x</RequestId></ErrorResponse>`) // the client may have gone
	}
}

// deniedBySQS is the refusal of SQS.
func deniedBySQS(w http.ResponseWriter, r *http.Request) {
	awswire.WriteSQSError(w, 403, "AccessDeniedException", indiscreet("Access to the resource is denied.", r))
}

// called are the calls of one operation by an account.
func called(service, account, operation string) calls {
	return func(c simulator.Call) bool {
		return c.Service == service && c.AccountID == account && c.Operation == operation
	}
}

// denials are AccessDenied on each call.
func denials() []row {
	return []row{
		fails(api, "AccessDenied on ListDetectors, with a detector created anew", coverage.Denied, func(r *rig) func() {
			denied := answered(of(near(), "ListDetectors"), accessDenied)(r)
			r.aws.Update(func(w *simulator.World) {
				w.Account(nearAccount).Detector(faulty).ID = "0123456789abcdef0123456789abcdef"
			})
			return denied
		}),
		fails(api, "AccessDenied on ListCoverage", coverage.Denied, answered(of(near(), "ListCoverage"), accessDenied)).stands(),
		deniedPart("GetCoverageStatistics", "statistics"),
		deniedPart("GetDetector", "detector").stands(),
		deniedPart("ListMembers", "members"),
		deniedPart("GetMemberDetectors", "member_detectors"),
		fails(api, "AccessDenied on ListAccounts", coverage.Denied, answered(called("organizations", homeAccount, "ListAccounts"), deniedByOrganizations)).
			with(func(r *row) { r.concerned = []target{names()} }),
		fails(api, "AccessDenied on ListRegions", coverage.Denied, answered(called("account", nearAccount, "ListRegions"), accessDenied)).
			with(listsRegions),
		fails(api, "AccessDenied on GetCallerIdentity", coverage.Denied, answered(called("sts", homeAccount, "GetCallerIdentity"), deniedBySTS)).
			but(lastGood, "it is called once, at the start, so there is nothing older; that the state names the cause is checked").
			with(func(r *row) {
				r.concerned = []target{{home().name, home().region, []string{""}}, {names().name, names().region, []string{""}}}
				r.fromStart = true
			}),
	}
}

// deniedPart is the refusal of what a refresh can do without.
func deniedPart(operation, capability string) row {
	return bears(api, "AccessDenied on "+operation, answered(of(near(), operation), accessDenied)).with(func(r *row) {
		r.shows = func(before, now page) error {
			if up := now.series[series("guardduty_target_capability_up", "target", "near", "account_id", nearAccount, "region", faulty, "capability", capability)]; up != "0" {
				return fmt.Errorf("guardduty_target_capability_up of %s is %q", capability, up)
			}
			for series, value := range before.series {
				if family(series) == "guardduty_ecs_cluster_healthy" && now.series[series] != value {
					return fmt.Errorf("%s was %s and is %q", series, value, now.series[series])
				}
			}
			return nil
		}
	})
}

// listsRegions makes near find its Regions by itself. Those of the opt-in
// Regions that no row needs are off.
func listsRegions(r *row) {
	r.config = strings.Replace(targets(), "regions: ["+faulty+", "+sibling+"]", "regions: [all]", 1)
	listing := target{"near", "all", []string{nearAccount}}
	r.targets = append(everyTarget(), listing)
	r.concerned = []target{listing}
	r.arrange = func(r *rig) {
		r.aws.Update(func(w *simulator.World) {
			w.Account(nearAccount).DisabledRegions = []string{
				"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
				"ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1",
				"me-south-1", "mx-central-1",
			}
		})
	}
}
