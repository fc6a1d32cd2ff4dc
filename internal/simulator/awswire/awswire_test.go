package awswire

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	codec, other := NewTokenCodec(), NewTokenCodec()
	token, err := codec.Encode("scope", 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		codec        TokenCodec
		scope, token string
		want         bool
	}{
		{codec, "scope", token, true},
		{codec, "other", token, false},
		{other, "scope", token, false},
		{codec, "scope", "A" + token, false},
		{codec, "scope", token[:len(token)-4], false},
		{codec, "scope", "", false},
	} {
		var got int
		if ok := tc.codec.Decode(tc.scope, tc.token, &got); ok != tc.want || ok && got != 7 {
			t.Errorf("%q in %s: %v with %d", tc.token, tc.scope, ok, got)
		}
	}
	var text string
	if codec.Decode("scope", token, &text) {
		t.Error("a number was decoded as a string")
	}
	if _, err := codec.Encode("scope", func() {}); err == nil {
		t.Error("a function was encoded")
	}
}

func TestDecode(t *testing.T) {
	for body, want := range map[string]string{
		"":                          "",
		" \n":                       "",
		`{"a": 1, "b": [{"c": 2}]}`: "",
		`{"A": 1}`:                  `"A" is unknown`,
		`{"b": [{"C": 2}]}`:         `"C" is unknown`,
		`{"c": 1}`:                  "unknown field",
		`{"a": 1}{}`:                "data after",
		`{"a": "1"}`:                "not as expected",
		`null`:                      "not a JSON object",
		`{`:                         "not as expected",
	} {
		var v struct {
			A int `json:"a"`
			B []struct {
				C int `json:"c"`
			} `json:"b"`
		}
		err := Decode([]byte(body), &v, "a", "b", "c")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func TestToAPIError(t *testing.T) {
	wrapped := fmt.Errorf("context: %w", Errorf("ValidationError", "value %d", 1))
	if e := ToAPIError(wrapped); e.Status != http.StatusBadRequest || e.Error() != "ValidationError: value 1" {
		t.Errorf("error is %+v", e)
	}
	e := ToAPIError(errors.New("text"))
	if code, side := e.Query(); e.Status != http.StatusInternalServerError || code != "InternalFailure" || side != "Receiver" {
		t.Errorf("error is %+v", e)
	}
	if code, side := (&APIError{Status: 403, Code: "A"}).Query(); code != "A" || side != "Sender" {
		t.Errorf("query code is %s of %s", code, side)
	}
}
