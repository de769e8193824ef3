package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// place is where no other test meets.
func place(t *testing.T) string { return fmt.Sprintf("@netassay-%s-%d", t.Name(), os.Getpid()) }

// A detached prober does what it was asked before anybody came, tells whoever comes, and ends
// with him.
func TestDetached(t *testing.T) {
	at, ended := place(t), make(chan error, 1)
	go func() { ended <- runDetached(t.Context(), Config{Name: "x/d"}, `{"id":9,"ping":true}`+"\n", at) }()
	var out bytes.Buffer
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := attach(at, strings.NewReader(`{"id":1,"ping":true}`+"\n"), &out)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
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
	if len(got) == 0 || got[0] != "true 0" || !strings.Contains(fmt.Sprint(got), "false 9") {
		t.Errorf("events %v, want the hello first and an answer to what was asked before", got)
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
