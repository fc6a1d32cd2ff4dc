package queue

import (
	"testing"
	"time"
)

func TestURL(t *testing.T) {
	a := Address{AccountID: "111122223333", Region: "us-east-1", Name: "coverage"}
	for _, endpoint := range []string{"http://127.0.0.1:4566", "https://sqs.us-east-1.amazonaws.com/"} {
		if got := ParseURL(a.URL(endpoint), a.Region); got != a {
			t.Errorf("%s: address is %+v", endpoint, got)
		}
	}
	for _, text := range []string{"", "://", "http://host", "http://host/1", "http://host/1/", "http://host//n", "http://host/1/n/m"} {
		if got := ParseURL(text, "us-east-1"); got != (Address{}) {
			t.Errorf("%q: address is %+v", text, got)
		}
	}
}

func TestARN(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":  "arn:aws:sqs:eu-west-1:111122223333:q",
		"cn-north-1": "arn:aws-cn:sqs:cn-north-1:111122223333:q",
	} {
		if got := (Address{AccountID: "111122223333", Region: region, Name: "q"}).ARN(); got != want {
			t.Errorf("ARN is %s, want %s", got, want)
		}
	}
}

// Receive reports when the next message becomes visible, and a change of the
// store wakes those that wait.
func TestNext(t *testing.T) {
	s, now := NewStore(), time.Now()
	a, other := Address{Name: "a"}, Address{Name: "other"}
	s.Send(a, now, "sender", "one")
	s.Send(a, now, "sender", "two")
	p := ReceiveParams{Now: now, MaxMessages: 1, VisibilityTimeout: 30 * time.Second}
	first, _ := s.Receive(a, p)
	p.VisibilityTimeout = 10 * time.Second
	if second, next := s.Receive(a, p); len(second) != 1 || next.Visible != 30*time.Second {
		t.Errorf("received %v, next in %s", second, next.Visible)
	}
	none, next := s.Receive(a, p)
	if len(none) != 0 || next.Visible != 10*time.Second {
		t.Errorf("received %v, next in %s", none, next.Visible)
	}
	isClosed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	if s.Delete(a, first[0].Receipt()); isClosed(next.Changed) {
		t.Error("a deleted message woke the waiting callers")
	}
	if s.Send(other, now, "sender", "three"); !isClosed(next.Changed) {
		t.Error("a sent message did not wake the waiting callers")
	}
	_, next = s.Receive(a, p)
	if s.Retain(func(at Address) bool { return at == a }); !isClosed(next.Changed) {
		t.Error("a deleted queue did not wake the waiting callers")
	}
	if visible, inFlight := s.Depth(other, now); visible+inFlight != 0 {
		t.Error("a deleted queue still has messages")
	}
	if visible, inFlight := s.Depth(a, now); visible != 0 || inFlight != 1 {
		t.Errorf("%d visible messages and %d in flight", visible, inFlight)
	}
}
