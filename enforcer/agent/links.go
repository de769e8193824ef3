package agent

import (
	"context"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/model"
)

// links ties the addresses of this node's pods to the interfaces that lead to them, and holds
// the pods whose object is gone while their interface is not: a pod that is deleted by force
// runs on for a while, and its policies hold until it is gone or somebody else has its address.
type links struct {
	names   map[netip.Addr]string // of interfaces with one pod each; never changed, as plans hold it
	bridges map[netip.Addr]string // of those with several, likewise
	pods    map[string]model.Pod  // of the last plan, by UID and name
	gone    []model.Pod           // of these, those without an object
	routed  chan struct{}         // capacity 1: routes may have changed
	seen    time.Time             // when a plan last looked
	trouble string                // what is wrong
	since   time.Time             // since when
	told    string                // what was last said in the log
}

func newLinks() *links {
	return &links{names: map[netip.Addr]string{}, bridges: map[netip.Addr]string{}, routed: make(chan struct{}, 1)}
}

// watchAgain is how long after a failure routes are watched again.
const watchAgain = time.Second

// watchRoutes tells the loop of changed routes until ctx ends: some networks make a pod's
// route after its address is known.
func (a *Agent) watchRoutes(ctx context.Context) {
	for ctx.Err() == nil {
		err := a.cfg.Host.Watch(ctx, a.links.doubt)
		a.log.Debug("watch of routes ended", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
}

// doubt has the loop look at the host.
func (l *links) doubt() {
	select {
	case l.routed <- struct{}{}:
	default:
	}
}

// bind brings the links up to date with the pods of the node, and finds those that are gone
// but for their interface.
func (a *Agent) bind(s model.Snapshot) {
	l := a.links
	local, fresh := map[string]model.Pod{}, false
	for i := range s.Pods { // of which nearly all are elsewhere, and not worth a copy
		if p := &s.Pods[i]; p.Node == a.cfg.Node && !p.HostNetwork {
			local[p.UID+" "+p.Key()] = *p
			fresh = fresh || slices.ContainsFunc(p.IPs, a.transient)
		}
	}
	var left []model.Pod
	for key, p := range l.pods {
		if _, ok := local[key]; !ok {
			left = append(left, p)
		}
	}
	left = unowned(left, s.Pods)
	if !a.planned || fresh || len(left) > 0 {
		a.lookUp(slices.Concat(slices.Collect(maps.Values(local)), left))
	}
	l.gone = nil
	for _, p := range left {
		if p.IPs = slices.DeleteFunc(slices.Clone(p.IPs), func(ip netip.Addr) bool { return l.names[ip] == "" }); len(p.IPs) > 0 {
			l.gone = append(l.gone, p)
			local[p.UID+" "+p.Key()] = p
		}
	}
	l.pods = local
}

// unowned takes away the addresses of pods that others have by now.
func unowned(pods, others []model.Pod) []model.Pod {
	if len(pods) == 0 {
		return nil
	}
	owned := map[netip.Addr]bool{}
	for _, p := range others {
		for _, ip := range p.IPs {
			owned[ip] = true
		}
	}
	for i := range pods {
		pods[i].IPs = slices.DeleteFunc(slices.Clone(pods[i].IPs), func(ip netip.Addr) bool { return owned[ip] })
	}
	return slices.DeleteFunc(pods, func(p model.Pod) bool { return len(p.IPs) == 0 })
}

func addressesOf(pods iter.Seq[model.Pod]) (ips []netip.Addr) {
	for p := range pods {
		ips = append(ips, p.IPs...)
	}
	return ips
}

// lookUp finds the interfaces of pods for a plan that can't wait.
func (a *Agent) lookUp(pods []model.Pod) {
	a.links.seen = time.Now()
	ips := addressesOf(slices.Values(pods))
	found, err := a.cfg.Host.Links(ips, a.host.prefixes)
	if err != nil {
		a.log.Warn("can't find the interfaces of pods", "error", err)
		a.links.doubt()
		return
	}
	a.tie(ips, found)
}

// tie takes note of the interfaces that lead to addresses, and reports whether any has changed.
func (a *Agent) tie(ips []netip.Addr, found map[netip.Addr]host.Link) (changed bool) {
	l := a.links
	names, bridges := map[netip.Addr]string{}, map[netip.Addr]string{}
	for ip, link := range found {
		if link.Shared {
			bridges[ip] = link.Name
		} else {
			names[ip] = link.Name
		}
	}
	a.metrics.observeLinks(len(names), len(bridges), len(ips)-len(found))
	if maps.Equal(names, l.names) && maps.Equal(bridges, l.bridges) {
		return false
	}
	l.names, l.bridges = names, bridges
	return true
}

// Doubt that lasts for settleLinks is worth a line in the log: while a pod comes or goes, its
// route does.
const settleLinks = 5 * time.Second

// tellLinks logs whether the addresses of pods are tied to them.
func (a *Agent) tellLinks() {
	l := a.links
	shared, unknown, outside := 0, 0, 0
	for _, p := range l.pods {
		for _, ip := range p.IPs {
			if a.cfg.DenyUnknown && len(a.host.prefixes) > 0 && !slices.ContainsFunc(a.host.prefixes, func(p netip.Prefix) bool { return p.Contains(ip) }) {
				outside++
			}
			switch {
			case l.bridges[ip] != "":
				shared++
			case l.names[ip] == "":
				unknown++
			}
		}
	}
	trouble := ""
	switch {
	case outside > 0:
		trouble = "pods of this node have addresses that are not of its podCIDRs: such pods are open until they are known"
	case unknown > 0:
		trouble = "no route to pods by interfaces of their own: what they send is judged by the source that they give, and can be forged"
	case shared > 0:
		trouble = "pods are on a bridge: what they send is judged by the source that they give, and they can take each other's"
	}
	if trouble != l.trouble {
		l.trouble, l.since = trouble, time.Now()
	}
	if trouble != "" && trouble != l.told && time.Since(l.since) >= settleLinks {
		a.log.Warn(trouble, "addresses", shared+unknown+outside)
		l.told = trouble
	}
}
