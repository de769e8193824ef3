package kernel_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
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
