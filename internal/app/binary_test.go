package app

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	awsguardduty "github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/deep"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
)

// TestBinaryOmitsUnusedOperations: clients are used through interfaces, and the
// linker keeps all methods of every type that it reaches from there. If the type of
// a client referred to that of the SDK's, that would be all operations of the
// service.
func TestBinaryOmitsUnusedOperations(t *testing.T) {
	sdk := map[reflect.Type]bool{
		reflect.TypeFor[awsguardduty.Client](): true, reflect.TypeFor[awsecs.Client](): true,
		reflect.TypeFor[ec2.Client](): true, reflect.TypeFor[iam.Client](): true,
	}
	for _, client := range []reflect.Type{
		reflect.TypeFor[*guardduty.Client](), reflect.TypeFor[*ecs.Client](), reflect.TypeFor[*deep.Client](),
	} {
		if reaches(client, sdk, map[reflect.Type]bool{}) {
			t.Errorf("the type %v refers to that of an SDK's client", client)
		}
	}
	for client := range sdk {
		if !reaches(reflect.FuncOf(nil, []reflect.Type{reflect.SliceOf(reflect.PointerTo(client))}, false), sdk, map[reflect.Type]bool{}) {
			t.Errorf("a reference to %v is not found", client)
		}
	}
}

// reaches reports whether a type refers to one of those in found, through fields,
// elements, parameters and results.
func reaches(from reflect.Type, found, seen map[reflect.Type]bool) bool {
	if found[from] {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	var parts []reflect.Type
	switch from.Kind() {
	case reflect.Struct:
		for i := range from.NumField() {
			parts = append(parts, from.Field(i).Type)
		}
	case reflect.Func:
		for i := range from.NumIn() {
			parts = append(parts, from.In(i))
		}
		for i := range from.NumOut() {
			parts = append(parts, from.Out(i))
		}
	case reflect.Map:
		parts = append(parts, from.Key(), from.Elem())
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
		parts = append(parts, from.Elem())
	}
	for _, part := range parts {
		if reaches(part, found, seen) {
			return true
		}
	}
	return false
}
