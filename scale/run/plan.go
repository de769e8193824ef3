package run

import (
	"fmt"
	"time"

	netv1 "k8s.io/api/networking/v1"

	v1 "github.com/netassay/netassay/reports/v1"
)

// maxObject is what an API server stores of one object, unless its etcd is told otherwise.
const maxObject = 1.5 * (1 << 20)

// What the parts of a guest's run take, about, where nothing is wrong. They are for the plan alone.
const (
	perChange = 400 * time.Millisecond
	perBirth  = 4 * time.Second
	perRest   = 15 * time.Second // a look of the kubelet
	perBurst  = time.Second
	perStart  = time.Minute // pods that start, probers, controls
)

// Plan says what a guest's run makes, changes and sends, and how long it takes: all that it costs
// whose cluster it is.
func (c *Config) Plan() []string {
	p, families := c.Profile, len(c.families())
	spaces, watched := len(guestSpaces())+p.Namespaces, len((&cluster{guest: c.Guest}).places())
	policy := netv1.NetworkPolicy{Spec: netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: blocks(c.CIDRs, c.families(), true)}}}}
	changes, churned := c.planned(), 0.0
	for _, rate := range c.Churn.Rates {
		churned += rate * c.Churn.For.Seconds()
	}
	measured := float64(2*families)/c.Timing.Interval.Seconds() + float64(3*families)/bystanderPace.Seconds()
	churning := float64(2*families*guestServers)/churnStep.Seconds() + float64(3*families)/bystanderPace.Seconds()
	out := []string{
		fmt.Sprintf("plan for %s, %d nodes, %v:", c.Guest.Cluster.Name(), len(c.Guest.Cluster.Nodes()), c.families()),
		fmt.Sprintf("  makes    %d namespaces; %d pods that probe or are probed, %d of the load at most, and %d one after the other; %d policies", spaces, watched, p.Local, c.born(), p.Policies),
		fmt.Sprintf("  largest  a policy of %d CIDRs, %s of the %s that API servers store", c.CIDRs, v1.Quantity(float64(policy.Size()), v1.UnitBytes), v1.Quantity(maxObject, v1.UnitBytes)),
		fmt.Sprintf("  changes  %d one after the other, and %.0f of the load by the clock, %s a second", changes, churned, list(c.Churn.Rates)),
		fmt.Sprintf("  sends    %.0f packets of some 70 bytes a second at most", max(measured, churning)),
		fmt.Sprintf("  takes    about %s, at most %s", minutes(c.about(changes)), minutes(c.most())),
	}
	return append(out, fmt.Sprintf("  leaves   nothing; what a killed run leaves, netassay clean --run %s removes", c.Guest.Run))
}

// timed are the phases of changes one after the other.
func timed() []string {
	return []string{"policy create and delete", "ipBlock edits", "revoke and grant", "label changes"}
}

// planned is how many changes are made one after the other.
func (c *Config) planned() int {
	n := 0
	for _, phase := range timed() {
		if !c.skips(phase) {
			n += 2 * c.Samples
		}
	}
	return n
}

func (c *Config) born() int {
	switch {
	case c.NewPods == 0:
		return 0
	case c.skips("new pods"):
		return 1
	default:
		return c.NewPods + 1
	}
}

func (c *Config) about(changes int) time.Duration {
	d := perStart + time.Duration(changes)*perChange + time.Duration(c.born())*perBirth
	if !c.skips("churn") {
		d += time.Duration(len(c.Churn.Rates))*(c.Churn.For+perBurst) + time.Duration(2*c.Rounds)*perBurst
	}
	if len(c.Guest.Agents) > 0 {
		d += 4 * perRest
	}
	return d
}

// most is when even a run in which nothing becomes right is over.
func (c *Config) most() time.Duration {
	d := 6*podPatience + time.Duration(len(timed()))*(c.Timing.Phase+2*c.Timing.Deadline) + gonePatience
	d += time.Duration(c.born()) * (2*podPatience + c.Timing.Deadline)
	d += time.Duration(len(c.Churn.Rates))*(c.Churn.For+2*actorPatience) + time.Duration(2*c.Rounds)*(c.Timing.Deadline+perBurst)
	return d + 4*kubeletPatience
}

func minutes(d time.Duration) string {
	if d < 90*time.Second {
		return "a minute"
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}

func list(rates []float64) string {
	out := ""
	for i, r := range rates {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%g", r)
	}
	return out
}
