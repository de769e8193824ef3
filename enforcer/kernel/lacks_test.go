package kernel_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// TestLacks: this kernel has all modules, of one that lacks some each is found, and nothing is
// left of the trial.
func TestLacks(t *testing.T) {
	onAll(t, func(w *world) {
		for _, f := range []model.Family{model.IPv4, model.IPv6} {
			if lacks, err := w.agent().Lacks(context.Background(), f, plan.Optional(f)); err != nil || lacks != nil {
				t.Errorf("%s lacks %v (%v)", f, lacks, err)
			}
		}
		if got := w.state().own(); len(got) > 0 {
			t.Errorf("left: %v", got)
		}
	})
	f := fake.New()
	k := kernel.New(kernel.Options{Runner: runnerFunc(func(ctx context.Context, c kernel.Command) ([]byte, error) {
		var in bytes.Buffer
		if c.Stdin != nil && c.Stdin(&in) == nil && (strings.Contains(in.String(), "rpfilter") || strings.Contains(in.String(), "-m hl")) {
			return nil, errors.New("no such module")
		}
		return f.Run(ctx, c)
	})})
	lacks, err := k.Lacks(context.Background(), model.IPv6, plan.Optional(model.IPv6))
	if diff := cmp.Diff([]plan.Condition{plan.Forged{}, plan.HopLimit(255)}, lacks); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := k.Sync(context.Background(), plan.CompileWith(flowWorld("10.0.1.2/32"), plan.Options{Node: "n", Lacks: lacks, Links: map[netip.Addr]string{netip.MustParseAddr("10.0.2.2"): "veth1"}}), kernel.Hints{}); err != nil {
		t.Errorf("a plan without them: %v", err)
	}
	if chains := f.Machine.Chains(iptsim.IPv6); strings.Contains(strings.Join(chains, " "), "TRY") {
		t.Errorf("left: %v", chains)
	}
}

// TestStartWithoutIPv6: what says that there is no IPv6 here leaves IPv4 enforced alone; what
// may pass, or is the same for both, is an error.
func TestStartWithoutIPv6(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		text string
		lost bool
	}{
		{"no ip6tables", &exec.Error{Name: "ip6tables-save", Err: exec.ErrNotFound}, "", true},
		{"ipv6.disable=1", errors.New("exit status 3"), "can't initialize ip6tables table `mangle': Address family not supported by protocol", true},
		{"no table", errors.New("exit status 3"), "ip6tables-save v1.8.9: Table does not exist (do you need to insmod?)", true},
		{"not root", errors.New("exit status 4"), "Fatal: Permission denied", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, calls := fake.New(), 0
			k := kernel.New(kernel.Options{Runner: runnerFunc(func(ctx context.Context, c kernel.Command) ([]byte, error) {
				if strings.HasPrefix(c.Argv[0], "ip6tables") {
					calls++
					return nil, &kernel.RunError{Argv: c.Argv, Stderr: tc.text, Err: tc.err}
				}
				return f.Run(ctx, c)
			})})
			lost, err := k.Start(context.Background())
			if (lost != nil) != tc.lost || (err != nil) == tc.lost {
				t.Fatalf("lost %v, error %v, want the former: %t", lost, err, tc.lost)
			}
			if !tc.lost {
				return
			}
			if _, err := k.Sync(context.Background(), plan.Compile(flowWorld("10.0.1.2/32"), "n"), kernel.Hints{}); err != nil || calls != 1 {
				t.Errorf("%v; %d calls of ip6tables, want 1", err, calls)
			}
			if _, err := k.Verify(context.Background()); err != nil || len(f.Machine.Chains(iptsim.IPv4)) == 0 {
				t.Errorf("verify: %v, chains %v", err, f.Machine.Chains(iptsim.IPv4))
			}
		})
	}
}
