package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// Host is what the agent needs to know of its node beside the kernel's rules; see
// enforcer/host.
type Host interface {
	IPVS() (evidence string)
	BridgeNF(pods []netip.Prefix) (problem string, err error)
	Addresses() ([]netip.Addr, error)
	Links(ips []netip.Addr, podCIDRs []netip.Prefix) (map[netip.Addr]host.Link, error)
	Watch(ctx context.Context, changed func()) error
	Forget(ips []netip.Addr) (n int, err error)
}

// hostState is what was last seen of the host.
type hostState struct {
	own     []netip.Addr
	changed bool // since the last plan, in a way that matters to it
	asked   bool // whether DenyUnknown has been checked
	guarded bool
	lacks   []plan.Condition // that the kernel can't look for
	lost    string           // what is said while IPv6 is missing; "": it is not

	prefixes []netip.Prefix // when it was last looked at
	looking  bool           // somebody looks, and has the rest
	again    bool           // and is to do it once more
	seen     chan view
	bridge   string
	ipvs     string
}

// view is what a look at the host has seen.
type view struct {
	began time.Time
	own   []netip.Addr
	ips   []netip.Addr // of pods
	links map[netip.Addr]host.Link
	err   error
}

// lookEvery is how often the host is looked at in any case.
const lookEvery = 10 * time.Second

// start checks that enforcing can work here at all.
func (a *Agent) start(ctx context.Context) error {
	if evidence := a.cfg.Host.IPVS(); evidence != "" {
		return fmt.Errorf("IPVS is in use: %s: packets to Services would bypass every policy: run kube-proxy in iptables or nftables mode, and delete kube-ipvs0", evidence)
	}
	lost, err := a.kernel.Start(ctx)
	if err != nil {
		return err
	}
	if lost != nil {
		a.host.lost = "IPv6 is not enforced: " + lost.Error()
		a.degrade(a.host.lost, true)
	}
	a.reportBackend(ctx)
	a.tryModules(ctx)
	return nil
}

// tryModules finds out what rules can't look for.
func (a *Agent) tryModules(ctx context.Context) {
	a.host.lacks = nil
	for _, f := range a.kernel.Families() {
		lacks, err := a.kernel.Lacks(ctx, f, plan.Optional(f))
		if err != nil {
			a.log.Warn("can't try what rules can look for", "family", f, "error", err)
		}
		for _, c := range lacks {
			a.log.Warn("iptables or the kernel lacks a module: "+without(c), "family", f)
		}
		a.host.lacks = append(a.host.lacks, lacks...)
	}
}

// tools are the real ones, but for changes of sets where netlink works.
func (a *Agent) tools() kernel.Runner {
	direct, err := kernel.NewNetlink(kernel.Exec{})
	if err != nil {
		a.log.Warn("can't change sets by netlink: ipset restore does it, and takes longer", "error", err)
		return kernel.Exec{}
	}
	return direct
}

// degrade tells that something does not work, or does again.
func (a *Agent) degrade(what string, on bool) {
	switch news := a.status.degrade(what, on); {
	case news && on:
		a.log.Error("degraded: " + what)
		a.reporter.ofNode(degradedReason, what, what, time.Now())
	case news:
		a.log.Info("not degraded any more", "was", what)
	}
}

// without says what is not enforced for want of a condition.
func without(c plan.Condition) string {
	switch c.(type) {
	case plan.Forged:
		return "without rpfilter, what pods send is judged by the source that they give, and can be forged"
	case plan.ToItself:
		return "without bpf, an isolated pod can't reach itself by a Service"
	}
	return "without hl, neighbour discovery that a router has forwarded is not judged"
}

// reportBackend logs which iptables is called, and what an agent that called the other
// one has left. That is not removed by itself: it may belong to an agent that still runs.
func (a *Agent) reportBackend(ctx context.Context) {
	version, err := a.kernel.Version(ctx)
	used, ok := kernel.BuildOf(version)
	if err != nil || !ok {
		a.log.Debug("can't tell the build of iptables", "version", version, "error", err)
		return
	}
	a.log.Info("iptables", "version", version, "build", used)
	other := kernel.NFT
	if used == kernel.NFT {
		other = kernel.Legacy
	}
	if kernel.LookTools(other) != nil || other == kernel.Legacy && !kernel.LegacyInUse() {
		return
	}
	found, err := kernel.Leftovers(ctx, a.cfg.Runner, other)
	switch {
	case err != nil:
		a.log.Warn("can't check for leftover rules", "build", other, "error", err)
	case len(found) > 0:
		a.log.Warn("leftover rules in the other build of iptables still drop packets: run enforcer cleanup --iptables-backend="+string(other), "build", other, "families", found)
	}
}

// options are what a plan is made with.
func (a *Agent) options() plan.Options {
	a.host.changed = false
	return plan.Options{Node: a.cfg.Node, Existing: a.cfg.Existing, DenyUnknown: a.cfg.DenyUnknown, Own: a.host.own, Links: a.links.names, Bridges: a.links.bridges, Lacks: a.host.lacks, Gone: a.links.gone}
}

// inspect sees to it that the host is looked at when its node has changed.
func (a *Agent) inspect() {
	node, _ := a.watcher.Node()
	if !a.planned {
		a.host.prefixes = node.PodCIDRs
		a.readAddresses()
	}
	if !a.planned || !slices.Equal(node.PodCIDRs, a.host.prefixes) {
		a.lookAtHost()
	}
	if a.cfg.DenyUnknown && !a.host.asked && len(node.PodCIDRs) == 0 {
		a.log.Warn("node has no podCIDRs: --default-deny-unknown has no effect", "node", a.cfg.Node)
	}
	a.host.asked = true
}

// readAddresses is for plans that can't wait for a look.
func (a *Agent) readAddresses() {
	if !a.cfg.DenyUnknown {
		return
	}
	own, err := a.cfg.Host.Addresses()
	if err != nil {
		a.log.Warn("can't list node addresses", "error", err)
	}
	a.host.own = own
}

// lookAtHost looks at the host beside the loop, which gets what was seen by hostState.seen.
func (a *Agent) lookAtHost() {
	if a.host.looking {
		a.host.again = true
		return
	}
	node, _ := a.watcher.Node()
	a.host.looking, a.host.again, a.host.prefixes = true, false, node.PodCIDRs
	v := view{began: time.Now(), ips: addressesOf(maps.Values(a.links.pods))}
	a.beside.Go(func() {
		var errs [2]error
		if a.cfg.DenyUnknown {
			v.own, errs[0] = a.cfg.Host.Addresses()
		}
		v.links, errs[1] = a.cfg.Host.Links(v.ips, node.PodCIDRs)
		v.err = errors.Join(errs[:]...)
		a.lookAround(whereaboutsOfPods(node.PodCIDRs, v.ips))
		a.host.seen <- v
	})
}

// viewed has a new plan made when something was seen that matters to it.
func (a *Agent) viewed(v view) {
	a.host.looking = false
	if v.err != nil {
		a.log.Warn("can't look at the node's addresses and the interfaces of pods", "error", v.err)
	} else {
		changed := !slices.Equal(v.own, a.host.own)
		a.host.own = v.own
		switch {
		case v.began.Before(a.links.seen): // a plan had to look after it had begun
			a.host.again = true
		case a.tie(v.ips, v.links) || len(a.links.gone) > 0:
			changed = true
		}
		if changed && a.planned {
			a.replan()
		}
	}
	a.tellLinks()
	if a.host.again {
		a.lookAtHost()
	}
}

// whereaboutsOfPods are the node's podCIDRs, or else what addresses its pods have.
func whereaboutsOfPods(podCIDRs []netip.Prefix, ips []netip.Addr) []netip.Prefix {
	if len(podCIDRs) > 0 {
		return podCIDRs
	}
	out := make([]netip.Prefix, len(ips))
	for i, ip := range ips {
		out[i] = netip.PrefixFrom(ip, ip.BitLen())
	}
	return out
}

// lookAround tells of what makes policies ineffective.
func (a *Agent) lookAround(pods []netip.Prefix) {
	if len(pods) > 0 {
		a.readBridges(pods)
	}
	evidence := a.cfg.Host.IPVS()
	if evidence != a.host.ipvs && evidence != "" {
		a.log.Error("IPVS now serves Services: packets to them bypass every policy", "evidence", evidence)
	}
	a.host.ipvs = evidence
	a.metrics.ipvs.Set(float64(min(1, len(evidence))))
}

func (a *Agent) readBridges(prefixes []netip.Prefix) {
	problem, err := a.cfg.Host.BridgeNF(prefixes)
	if err != nil {
		a.metrics.bridgeOK.Set(math.NaN())
		a.log.Warn("can't inspect bridges", "error", err)
		return
	}
	if problem != a.host.bridge && problem != "" {
		a.log.Warn(problem)
	}
	a.host.bridge = problem
	a.metrics.bridgeOK.Set(1 - float64(min(1, len(problem))))
}

// guard closes the pod addresses of a node that has nothing of ours in its kernel, as after
// a reboot, as soon as the node is known and before everything else is. It only ever adds
// to an empty kernel: what an earlier agent left there is newer than nothing.
func (a *Agent) guard(ctx context.Context) {
	node, ok := a.watcher.Node()
	if !ok || !a.cfg.DenyUnknown || a.host.guarded || !a.kernel.Empty() {
		return
	}
	a.host.guarded = true
	a.readAddresses()
	p := plan.CompileWith(model.Snapshot{Nodes: []model.Node{node}}, a.options())
	if _, err := a.kernel.Sync(ctx, p, kernel.Hints{}); err != nil {
		a.log.Warn("can't block this node's pods before the first sync", "error", err)
		return
	}
	a.log.Info("no rules in the kernel yet: blocking this node's pods until the first sync", "podCIDRs", node.PodCIDRs)
}
