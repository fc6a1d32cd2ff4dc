package ecs

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// reaches reports whether a type refers to another one, through fields, elements,
// parameters and results.
func reaches(from, to reflect.Type, seen map[reflect.Type]bool) bool {
	if from == to {
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
		if reaches(part, to, seen) {
			return true
		}
	}
	return false
}

// TestBinaryOmitsUnusedOperations: see api.
func TestBinaryOmitsUnusedOperations(t *testing.T) {
	sdk := reflect.TypeFor[ecs.Client]()
	if reaches(reflect.TypeFor[*Client](), sdk, map[reflect.Type]bool{}) {
		t.Error("the type of Client refers to that of the SDK's client, so all operations of ECS are linked")
	}
	if !reaches(reflect.TypeFor[struct{ f func() []*ecs.Client }](), sdk, map[reflect.Type]bool{}) {
		t.Error("a reference is not found")
	}
}
