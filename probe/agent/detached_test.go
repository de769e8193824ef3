package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// place is where no other test meets.
func place(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("@netassay-%s-%d", t.Name(), os.Getpid())
}

// visit attaches to the prober at a place, asks it, and gives what it said by then.
func visit(t *testing.T, at, ask string) []string {
	t.Helper()
	var out bytes.Buffer
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := attach(at, strings.NewReader(ask+"\n"), &out)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		ev, err := wire.DecodeEvent([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if ev.Hello != nil && ev.Hello.Began == 0 {
			t.Error("the hello does not say when it began")
		}
		got = append(got, fmt.Sprint(ev.Hello != nil, ev.ID))
	}
	return got
}

// A detached prober does what it was asked before anybody came, once; tells whoever comes; and
// is there for the next when a stream has ended.
func TestDetached(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at, ended := place(t), make(chan error, 1)
	go func() { ended <- runDetached(ctx, Config{Name: "x/d"}, `{"id":9,"ping":true}`+"\n", at) }()
	for n := range 3 {
		got := visit(t, at, `{"id":1,"ping":true}`)
		if len(got) == 0 || got[0] != "true 0" || slices.Contains(got, "false 9") != (n == 0) {
			t.Errorf("visit %d: events %v, want the hello first, and in the first visit an answer to what was asked before", n, got)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("ended with a stream: %v", err)
	default:
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("does not end")
	}
}

// One that is asked to end says so, and ends.
func TestDetachedIsAskedToEnd(t *testing.T) {
	at, ended := place(t), make(chan error, 1)
	go func() { ended <- runDetached(t.Context(), Config{Name: "x/d"}, "", at) }()
	if got := visit(t, at, `{"id":1,"end":true}`); !slices.Equal(got, []string{"true 0", "false 1"}) {
		t.Errorf("events %v, want the hello and the answer", got)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, errEnd) {
			t.Errorf("ended with %v, want %v", err, errEnd)
		}
	case <-time.After(10 * time.Second):
		t.Error("does not end")
	}
}

// One that nobody comes to ends when it is told to.
func TestDetachedAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runDetached(ctx, Config{Name: "x/d"}, "", place(t)) }()
	cancel()
	select {
	case err := <-ended:
		if err != nil && !errors.Is(err, os.ErrClosed) {
			t.Logf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("does not end")
	}
}
