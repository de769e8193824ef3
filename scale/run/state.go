package run

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

const (
	statePods = 200
	marked    = "marked"
)

// marks are hollow pods on the puppets' node, in the network before the last.
func (r *run) marks() []load.Pod {
	var out []load.Pod
	for i := range statePods {
		six := netip.MustParseAddr("fd00:100:7f:1::").As16()
		six[15] = byte(10 + i)
		out = append(out, load.Pod{
			Namespace: puppetsNS, Name: fmt.Sprintf("marked-%d", i), Node: puppetNode, Labels: map[string]string{marked: "yes"},
			IPs: r.measured([]netip.Addr{netip.AddrFrom4([4]byte{100, 127, 254, byte(10 + i)}), netip.AddrFrom16(six)}),
		})
	}
	return out
}

// stateConvergence says how long the kernel's sets take to hold what they have to after many
// hollow pods changed at once. It is judged by content: an ipset of each family with exactly
// the addresses of the pods that a policy's peer selects. It creates many hollow pods and deletes some, and looks when the sets are right.
func (r *run) stateConvergence(ctx context.Context) error {
	policy := ingress("marked", server, []netv1.NetworkPolicyPeer{withLabel("", marked, "yes")})
	pods := r.marks()
	return r.under(ctx, policy, func() error {
		for range r.cfg.Rounds {
			for _, step := range []struct {
				kind       string
				from, have int // writes pods[from:]; then pods[:have] are there
			}{{"create", 0, len(pods)}, {"delete", len(pods) / 2, len(pods) / 2}} {
				found, err := r.stateStep(ctx, step.kind, pods, step.from, step.have)
				if err != nil || !found {
					return err
				}
			}
			if err := r.endPods(ctx, pods[:len(pods)/2]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *run) endPods(ctx context.Context, pods []load.Pod) error {
	return r.writer.Each(ctx, "delete pods", len(pods), func(ctx context.Context, i int) error {
		return r.writer.EndPod(ctx, pods[i].Namespace, pods[i].Name)
	})
}

func (r *run) stateStep(ctx context.Context, kind string, pods []load.Pod, from, have int) (bool, error) {
	call := probe.Now()
	write, name := r.writer.Pods, StateCreate
	if kind == "delete" {
		write, name = r.endPods, StateDelete
	}
	if err := write(ctx, pods[from:]); err != nil {
		return false, err
	}
	return r.stateSeen(ctx, v1.Sample{
		Transition: string(name), Pair: fmt.Sprintf("%d pods", len(pods)-from), Want: "allow", Due: ms(call), Call: ms(call), Ack: ms(probe.Now()),
	}, members(pods[:have]))
}

// members are the addresses of pods, by family.
func members(pods []load.Pod) map[model.Family]map[string]bool {
	out := map[model.Family]map[string]bool{}
	for _, p := range pods {
		for _, ip := range p.IPs {
			f := model.FamilyOf(ip)
			if out[f] == nil {
				out[f] = map[string]bool{}
			}
			out[f][ip.String()] = true
		}
	}
	return out
}

// stateSeen looks until the kernel's sets are as wanted or it is too late, and keeps the sample.
func (r *run) stateSeen(ctx context.Context, s v1.Sample, want map[model.Family]map[string]bool) (bool, error) {
	for {
		looked := ms(probe.Now())
		right, err := r.setsHold(ctx, want)
		late := looked-s.Ack > ms(r.cfg.Timing.Deadline)
		switch {
		case err != nil:
			return false, err
		case right:
			r.knowsSets = true
			s.First, s.Stable = &looked, &looked
			r.keep(s)
			return true, nil
		case late && !r.knowsSets:
			r.note("state: no set of the kernel came to hold exactly the expected %d pods: the engine keeps none of that kind, and %s can't be measured", len(want[model.IPv4]), s.Transition)
			return false, nil
		case late:
			r.keep(s)
			return false, nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return false, err
		}
	}
}

// setsHold reports whether there is a set for each family with exactly these members.
func (r *run) setsHold(ctx context.Context, want map[model.Family]map[string]bool) (bool, error) {
	var out []byte
	err := r.node.Do(func() (err error) {
		out, err = exec.CommandContext(ctx, "ipset", "save").Output()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read sets: %w", err)
	}
	for _, members := range want {
		if len(members) > 0 && !holds(out, members) {
			return false, nil
		}
	}
	return true, nil
}

// holds looks in the text of ipset save for a set with exactly these members.
func holds(text []byte, want map[string]bool) bool {
	good, n := true, 0
	for line := range bytes.Lines(text) {
		switch {
		case bytes.HasPrefix(line, []byte("create ")):
			if good && n == len(want) {
				return true
			}
			good, n = true, 0
		case good && bytes.HasPrefix(line, []byte("add ")):
			fields := strings.Fields(string(line))
			n++
			good = len(fields) == 3 && want[bare(fields[2])]
		}
	}
	return good && n == len(want)
}

// bare is a member without the length of a whole address.
func bare(member string) string {
	member = strings.TrimSuffix(member, "/128")
	return strings.TrimSuffix(member, "/32")
}
