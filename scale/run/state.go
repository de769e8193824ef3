package run

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/measure"
)

const (
	statePods = 200
	marked    = "marked"
)

// marks are hollow pods on the puppets' node, in the network before the last.
func (c *cluster) marks() []load.Pod {
	var out []load.Pod
	for i := range statePods {
		six := netip.MustParseAddr("fd00:100:7f:1::").As16()
		six[15] = byte(10 + i)
		out = append(out, load.Pod{
			Namespace: c.space(puppetsNS), Name: fmt.Sprintf("marked-%d", i), Node: puppetNode, Labels: map[string]string{marked: "yes"},
			IPs: c.measured([]netip.Addr{netip.AddrFrom4([4]byte{100, 127, 254, byte(10 + i)}), netip.AddrFrom16(six)}),
		})
	}
	return out
}

// state says how long the kernel's sets take to hold what they have to after many hollow pods
// changed at once. It is judged by content: an ipset of each family with exactly the addresses
// of the pods that a policy's peer selects. It creates many hollow pods and deletes some, and
// looks when the sets are right.
type state struct {
	*traffic
	rounds int
}

func (p state) Execute(ctx context.Context) error {
	policy := p.ingress("marked", server, []netv1.NetworkPolicyPeer{withLabel("", marked, "yes")})
	all := p.marks()
	return p.under(ctx, policy, func() error {
		known := false // the kernel was seen to hold exactly the sets expected
		for range p.rounds {
			for _, s := range []stateStep{
				{kind: StateCreate, write: p.writer.Pods, changed: all, left: all},
				{kind: StateDelete, write: p.endPods, changed: all[len(all)/2:], left: all[:len(all)/2]},
			} {
				found, err := p.step(ctx, s, known)
				if err != nil || !found {
					return err
				}
				known = true
			}
			if err := p.endPods(ctx, all[:len(all)/2]); err != nil {
				return err
			}
		}
		return nil
	})
}

// stateStep is a change of many pods, and those that are there then.
type stateStep struct {
	kind          string
	write         func(context.Context, []load.Pod) error
	changed, left []load.Pod
}

// step makes the change and looks until the kernel's sets are as wanted or it is too late, and
// keeps the sample. What no set ever held is not measured.
func (p state) step(ctx context.Context, step stateStep, known bool) (bool, error) {
	call := ms(probe.Now())
	if err := step.write(ctx, step.changed); err != nil {
		return false, err
	}
	s := v1.Sample{
		Transition: step.kind, Pair: fmt.Sprintf("%d pods", len(step.changed)), Want: "allow", Due: call, Call: call, Ack: ms(probe.Now()),
	}
	want := members(step.left)
	for {
		looked := ms(probe.Now())
		right, err := p.setsHold(ctx, want)
		late := looked-s.Ack > ms(p.timing.Deadline)
		switch {
		case err != nil:
			return false, err
		case late && !right && !known:
			p.note("state: no set of the kernel came to hold exactly the expected %d pods: the engine keeps none of that kind, and %s can't be measured", len(step.left), s.Transition)
			return false, nil
		case right:
			s.First, s.Stable = &looked, &looked
		case !late:
			if err := flows.Pause(ctx, 5*time.Millisecond); err != nil {
				return false, err
			}
			continue
		}
		p.keep(s)
		return right, nil
	}
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

// setsHold reports whether there is a set for each family with exactly these members.
func (p state) setsHold(ctx context.Context, want map[model.Family]map[string]bool) (bool, error) {
	text, err := measure.Output(ctx, p.node.Do, "ipset", "save")
	if err != nil {
		return false, fmt.Errorf("read sets: %w", err)
	}
	for _, members := range want {
		if len(members) > 0 && !holds(text, members) {
			return false, nil
		}
	}
	return true, nil
}

// holds looks in the text of ipset save for a set with exactly these members.
func holds(text string, want map[string]bool) bool {
	good, n := true, 0
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "create "):
			if good && n == len(want) {
				return true
			}
			good, n = true, 0
		case good && strings.HasPrefix(line, "add "):
			fields := strings.Fields(line)
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
