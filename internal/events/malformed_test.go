package events_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
)

// malformedEvents returns messages that Decode rejects, by what is wrong.
func malformedEvents() map[string]string {
	without := func(old, replacement string) string {
		if !strings.Contains(documented, old) {
			panic(old)
		}
		return strings.Replace(documented, old, replacement, 1)
	}
	return map[string]string{
		"nothing":                  "",
		"white space":              " \n",
		"text":                     "hello",
		"cut":                      documented[:len(documented)/2],
		"more after it":            documented + "{}",
		"two events":               documented + documented,
		"null":                     "null",
		"a number":                 "17",
		"a string":                 `"` + "event" + `"`,
		"a list of events":         "[" + documented + "]",
		"an empty object":          "{}",
		"byte order mark":          "\ufeff" + documented,
		"UTF-16":                   "{\x00}\x00",
		"deep nesting":             strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000),
		"deep nesting inside":      without(`"issue":""`, `"issue":`+strings.Repeat(`{"a":`, 100_000)+"1"+strings.Repeat("}", 100_000)),
		"detail-type of a number":  without(`"GuardDuty Runtime Protection Unhealthy"`, "1"),
		"detail alone":             `{"resourceAccountId":"111122223333","currentStatus":"HEALTHY","resourceDetails":{}}`,
		"no detail":                `{"detail-type":"GuardDuty Runtime Protection Healthy","region":"us-east-1"}`,
		"detail null":              `{"detail-type":"GuardDuty Runtime Protection Healthy","region":"us-east-1","detail":null}`,
		"detail of text":           `{"detail-type":"GuardDuty Runtime Protection Healthy","region":"us-east-1","detail":"{}"}`,
		"no account":               without(`"resourceAccountId":"111122223333",`, ""),
		"account of the bus alone": without(`"resourceAccountId"`, `"other"`),
		"account of letters":       without(`"resourceAccountId":"111122223333"`, `"resourceAccountId":"CHILD-EXAMPLE"`),
		"account of 11 digits":     without(`"resourceAccountId":"111122223333"`, `"resourceAccountId":"11112222333"`),
		"account and a line end":   without(`"resourceAccountId":"111122223333"`, `"resourceAccountId":"111122223333\n"`),
		"account of other digits":  without(`"resourceAccountId":"111122223333"`, `"resourceAccountId":"١١١١٢٢٢٢٣٣٣٣"`),
		"account as a number":      without(`"resourceAccountId":"111122223333"`, `"resourceAccountId":111122223333`),
		"no Region":                without(`"region":"us-east-1",`, ""),
		"Region of two lines":      without(`"region":"us-east-1"`, `"region":"us-east-1\nx"`),
		"Region too long":          without(`"region":"us-east-1"`, `"region":"`+strings.Repeat("a", 33)+`"`),
		"Region of another type":   without(`"region":"us-east-1"`, `"region":["us-east-1"]`),
		"no resourceDetails":       without(`"resourceDetails"`, `"r"`),
		"no resource type":         without(`"resourceType":"ECS",`, ""),
		"unknown resource type":    without(`"resourceType":"ECS"`, `"resourceType":"LAMBDA"`),
		"details of another type":  without(`"resourceType":"ECS"`, `"resourceType":"EKS"`),
		"no name":                  without(`"clusterName":"shop",`, ""),
		"empty name":               without(`"shop"`, `""`),
		"name null":                without(`"shop"`, `null`),
		"name of a number":         without(`"shop"`, `7`),
		"name too long":            without(`"shop"`, `"`+strings.Repeat("a", 256)+`"`),
		"SNS within SNS":           viaSNS(viaSNS(documented)),
		"SNS with an object in it": `{"Type":"Notification","Message":` + documented + `}`,
		"SNS without a message":    `{"Type":"Notification"}`,
		"test event of S3":         `{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`,
	}
}

func TestDecodeMalformed(t *testing.T) {
	for name, body := range malformedEvents() {
		t.Run(name, func(t *testing.T) {
			got, err := events.Decode([]byte(body))
			if err == nil || errors.Is(err, events.ErrForeign) || got != (events.Notification{}) {
				t.Errorf("%+v, %v, want an error of its own", got, err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestDecodeSNSConfirmation decodes what SNS sends to a queue whose subscription
// is not confirmed yet, or has ended.
func TestDecodeSNSConfirmation(t *testing.T) {
	for _, kind := range []string{"SubscriptionConfirmation", "UnsubscribeConfirmation"} {
		body := `{"Type":"` + kind + `","Token":"t","TopicArn":"a","Message":"You have chosen to subscribe","SubscribeURL":"https://x"}`
		if got, err := events.Decode([]byte(body)); !errors.Is(err, events.ErrForeign) || got != (events.Notification{}) {
			t.Errorf("%s: %+v, %v, want ErrForeign", kind, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(documented))
	f.Add([]byte(viaSNS(documented)))
	for resourceType, details := range map[string]string{"ECS": ofECS, "EC2": ofEC2, "EKS": ofEKS} {
		f.Add([]byte(observed(resourceType, details, "Healthy", "1785743573897")))
	}
	f.Add([]byte(observed("EKS", ofEKSDocumented, "Unhealthy", `"2026-08-03T07:52:53Z"`)))
	for _, body := range malformedEvents() {
		if len(body) < 10_000 {
			f.Add([]byte(body))
		}
	}
	accountID, regionName := regexp.MustCompile(`^[0-9]{12}$`), regexp.MustCompile(`^[a-z0-9-]+$`)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := events.Decode(body)
		if err != nil {
			if got != (events.Notification{}) {
				t.Errorf("an event and an error: %+v, %v", got, err)
			}
			return
		}
		c := got.Event
		switch {
		case c.Type != coverage.ECS && c.Type != coverage.EC2 && c.Type != coverage.EKS,
			!accountID.MatchString(c.AccountID), !regionName.MatchString(c.Region),
			c.Name == "" || len(c.Name) > 255,
			c.Status != coverage.Healthy && c.Status != coverage.Unhealthy:
			t.Errorf("decoded to %+v", c)
		}
		if again, err := events.Decode([]byte(viaSNS(string(body)))); err == nil && again != got {
			t.Errorf("within SNS's envelope decoded to %+v, without to %+v", again, got)
		}
	})
}
