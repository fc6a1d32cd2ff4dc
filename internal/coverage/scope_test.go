package coverage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInScope: an excluded row that is not counted, because a filter narrows its snapshot by status, is not subtracted.
func TestInScope(t *testing.T) {
	key := func(name string) Key {
		return Key{Type: ECS, AccountID: "111122223333", Region: "us-east-1", Name: name}
	}
	row := func(name string, status Status) Resource { return New(Row{Key: key(name), Status: status}) }
	whole := Report{Target: TargetID{Name: "a", Region: "us-east-1"}, State: OK, Snapshot: &Snapshot{
		Types: []ResourceType{ECS, EKS}, Accounts: []string{"111122223333"},
		Resources: Dedupe([]Resource{row("a", Healthy), row("b", Unhealthy), row("c", Unhealthy), row("d", "NEW")}),
	}}
	narrow := Report{Target: TargetID{Name: "b", Region: "us-east-1"}, State: OK, Snapshot: &Snapshot{
		Types: []ResourceType{ECS}, NarrowedByStatus: true, Resources: []Resource{row("only here", Unhealthy)},
	}}
	v := Merge([]Report{whole, narrow})
	before := v.Totals[0].ByStatus.Sum()
	got := v.InScope(func(k Key) bool { return k == key("b") || k == key("d") || k == key("only here") })
	want := []Total{
		{AccountID: "111122223333", Region: "us-east-1", ResourceType: ECS, ByStatus: Counts{Healthy: 1, Unhealthy: 1, "NEW": 0}},
		{AccountID: "111122223333", Region: "us-east-1", ResourceType: EKS, ByStatus: Counts{Healthy: 0, Unhealthy: 0}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if v.Totals[0].ByStatus.Sum() != before {
		t.Error("the totals of the view have changed")
	}
}
