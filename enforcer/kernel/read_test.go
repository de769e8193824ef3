package kernel_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// TestManySetsAreReadBack: sets are read some dozens at a time, and none falls between two
// lots. A restarted agent finds them all as they should be, and sees each that is not.
func TestManySetsAreReadBack(t *testing.T) {
	onAll(t, func(w *world) {
		p := plan.Plan{IPv4: plan.FamilyPlan{Family: model.IPv4}, IPv6: plan.FamilyPlan{Family: model.IPv6}}
		var flush []string
		for i := range 150 {
			name := fmt.Sprintf("npe-p4-%03d", i)
			p.IPv4.Sets = append(p.IPv4.Sets, plan.Set{Name: plan.SetName(name), Role: plan.RolePeer, Kind: plan.Addresses, Family: model.IPv4, Members: members(i % 4)})
			if i%4 > 0 {
				flush = append(flush, "flush "+name)
			}
		}
		w.sync(w.agent(), p)
		k := w.agent()
		w.run.commands = nil
		if r := w.sync(k, p); r.Changed {
			w.t.Errorf("a restarted agent changed something: %+v", r)
		}
		if n := strings.Count(strings.Join(w.run.commands, "\n"), "ipset -"); n != 3 {
			w.t.Errorf("150 sets were read by %d processes, want 3", n)
		}
		w.sets(flush...)
		if d := w.verify(k); d.Sets != len(flush) {
			w.t.Errorf("drift of %d sets, want %d", d.Sets, len(flush))
		}
	})
}

// TestSetVanishesWhileRead: what can't be read whole is an error, never an empty set.
func TestSetVanishesWhileRead(t *testing.T) {
	onAll(t, func(w *world) {
		p := cluster(nil, "10.0.1.2")
		w.sync(w.agent(), p)
		k := kernel.New(kernel.Options{Backend: w.backend, Runner: lister{w.run}})
		if err := k.Probe(context.Background()); err == nil || !strings.Contains(err.Error(), "does not exist") {
			w.t.Errorf("read a set that is gone: %v", err)
		}
	})
}

// lister lists one set too many.
type lister struct{ kernel.Runner }

func (l lister) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	out, err := l.Runner.Run(ctx, c)
	if strings.Join(c.Argv, " ") == "ipset list -n" {
		out = append([]byte("npe-p4-gone\n"), out...)
	}
	return out, err
}

// TestExecStrict: ipset answers 0 after errors in lines that it reads as commands.
func TestExecStrict(t *testing.T) {
	for _, tc := range []struct {
		script string
		strict bool
		want   string
	}{
		{"echo out; echo oops >&2", true, "reported errors: oops"},
		{"echo out; echo oops >&2", false, ""},
		{"echo out", true, ""},
	} {
		_, err := kernel.Exec{}.Run(context.Background(), kernel.Command{
			Argv: []string{"sh", "-c", tc.script}, Strict: tc.strict,
			Stdin: func(io.Writer) error { return nil },
		})
		if got := fmt.Sprint(err); tc.want == "" && err != nil || !strings.Contains(got, tc.want) {
			t.Errorf("%q, strict %t: %v, want %q", tc.script, tc.strict, err, tc.want)
		}
	}
}

func members(n int) []plan.Member {
	var out []plan.Member
	for i := range n {
		out = append(out, plan.HostMember(netip.AddrFrom4([4]byte{10, 1, 0, byte(i + 1)})))
	}
	return out
}
