package deep

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

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

// TestBinaryOmitsUnusedOperations: see api.
func TestBinaryOmitsUnusedOperations(t *testing.T) {
	sdk := map[reflect.Type]bool{reflect.TypeFor[ec2.Client](): true, reflect.TypeFor[iam.Client](): true}
	if reaches(reflect.TypeFor[*Client](), sdk, map[reflect.Type]bool{}) {
		t.Error("the type of Client refers to that of an SDK's client, so all of its operations are linked")
	}
	if !reaches(reflect.TypeFor[struct{ f func() []*iam.Client }](), sdk, map[reflect.Type]bool{}) {
		t.Error("a reference is not found")
	}
}
