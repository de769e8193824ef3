package match

import (
	"hash/maphash"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"github.com/netassay/netassay/model"
)

// Update brings the index to another state of the cluster. It copies the pods' records;
// what these refer to (labels, ports, addresses) must never be changed afterwards. Pods are
// compared place by place, so the cost is small when most of them are where they were.
func (x *Index) Update(namespaces []model.Namespace, pods []model.Pod) {
	x.begin()
	x.split()
	for i := range min(len(x.pods), len(pods)) {
		if !Same(&x.pods[i], &pods[i]) {
			x.drop(int32(i))
			x.pods[i] = pods[i]
			x.place(int32(i))
		}
	}
	for i := len(pods); i < len(x.pods); i++ {
		x.drop(int32(i))
	}
	if len(pods) < len(x.pods) {
		clear(x.pods[len(pods):])
		x.pods, x.spots = x.pods[:len(pods)], x.spots[:len(pods)]
	}
	x.pods = slices.Grow(x.pods, len(pods)-len(x.pods))
	x.spots = slices.Grow(x.spots, len(pods)-len(x.spots))
	for i := len(x.pods); i < len(pods); i++ {
		x.pods, x.spots = append(x.pods, pods[i]), append(x.spots, spot{})
		x.place(int32(i))
	}
	x.relabel(namespaces)
	x.findOwners()
	x.findDoubles()
}

// sparse is how many groups without pods are kept beside as many with some.
const sparse = 1024

// begin forgets the last change; and everything when it is the first, or too much of what
// is remembered is of pods that are gone.
func (x *Index) begin() {
	fresh := x.clock == 0 || len(x.groups) > 2*x.live+sparse || len(x.asked) > 2*len(x.asking)+sparse
	if fresh {
		*x = Index{
			clock: x.clock, byName: map[string]int32{}, byText: map[string]int32{},
			groups: map[groupKey]*group{}, answers: map[string]*answer{},
			asked: maps.Clone(x.asking), asking: x.asking,
			owned: owned{maphash.MakeSeed(), map[uint64]int32{}},
		}
	}
	x.clock++
	x.change = change{fresh: fresh, nodes: map[string]struct{}{}, groups: map[*group]struct{}{}, touched: map[netip.Addr]struct{}{}}
}

// split tells pods apart by what has not been asked for before.
func (x *Index) split() {
	var more []string
	for k := range x.asking {
		if _, ok := x.asked[k]; !ok && x.asked != nil {
			more = append(more, k)
			x.asked[k] = struct{}{}
		}
	}
	if len(more) == 0 {
		return
	}
	for i := range x.pods {
		if slices.ContainsFunc(more, func(k string) bool { _, ok := x.pods[i].Labels[k]; return ok }) {
			x.drop(int32(i))
			x.place(int32(i))
		}
	}
}

// touch notes that what is said about a pod's addresses may change. About those of pods on
// the host's network nothing is said, but their node has changed.
func (x *Index) touch(pod int32) {
	if x.change.fresh {
		return
	}
	p := &x.pods[pod]
	x.change.nodes[p.Node] = struct{}{}
	if p.HostNetwork {
		return
	}
	x.change.pods = append(x.change.pods, pod)
	for _, ip := range p.IPs {
		x.change.touched[ip] = struct{}{}
	}
}

// drop takes a pod out of its group.
func (x *Index) drop(pod int32) {
	s := x.spots[pod]
	x.spots[pod] = spot{}
	x.touch(pod)
	if s.group == nil {
		return
	}
	g, last := s.group, len(s.group.pods)-1
	x.change.groups[g] = struct{}{}
	x.own(g, &x.pods[pod], -1)
	if last == 0 {
		x.live--
	}
	moved := g.pods[last]
	g.pods[s.at] = moved
	g.pods = g.pods[:last]
	if moved != pod {
		x.spots[moved].at = s.at
	}
}

// place puts a pod into its group, unless it is on the host's network.
func (x *Index) place(pod int32) {
	p := &x.pods[pod]
	x.touch(pod)
	if p.HostNetwork {
		return
	}
	g := x.group(groupKey{x.namespace(p.Namespace), x.intern(p.Labels)})
	if !x.change.fresh {
		x.change.groups[g] = struct{}{}
	}
	x.own(g, p, 1)
	if len(g.pods) == 0 {
		x.live++
	}
	x.spots[pod] = spot{g, int32(len(g.pods))}
	g.pods = append(g.pods, pod)
}

func (x *Index) group(key groupKey) *group {
	g, ok := x.groups[key]
	if !ok {
		g = &group{groupKey: key}
		x.groups[key] = g
		ns := &x.namespaces[key.namespace]
		ns.groups = append(ns.groups, g)
	}
	return g
}

func (x *Index) namespace(name string) int32 {
	at, ok := x.byName[name]
	if !ok {
		at = int32(len(x.namespaces))
		x.byName[name] = at
		x.namespaces = append(x.namespaces, namespace{})
	}
	return at
}

// relabel brings the labels of namespaces up to date.
func (x *Index) relabel(namespaces []model.Namespace) {
	for _, now := range namespaces {
		at, ok := x.byName[now.Name]
		if !ok {
			continue
		}
		ns := &x.namespaces[at]
		ns.seen = x.clock
		if !ns.known || !sameLabels(ns.labels, now.Labels) {
			ns.known, ns.labels = true, now.Labels
			x.touchNamespace(ns)
		}
	}
	for at := range x.namespaces {
		if ns := &x.namespaces[at]; ns.known && ns.seen != x.clock {
			ns.known, ns.labels = false, nil
			x.touchNamespace(ns)
		}
	}
}

func (x *Index) touchNamespace(ns *namespace) {
	x.change.namespaces = true
	for _, g := range ns.groups {
		for _, p := range g.pods {
			x.touch(p)
		}
	}
}

// owned counts the pods that have an address, by its hash.
type owned struct {
	seed maphash.Seed
	pods map[uint64]int32
}

// own notes that a pod of a group has come, or has gone.
func (x *Index) own(g *group, p *model.Pod, by int) {
	g.addresses += by * len(p.IPs)
	for _, ip := range p.IPs {
		at := maphash.Comparable(x.owned.seed, ip)
		if x.owned.pods[at] += int32(by); x.owned.pods[at] == 0 {
			delete(x.owned.pods, at)
		}
	}
}

// findOwners looks for the pods that have a touched address now. These are the touched ones,
// unless another has it too, or had. When most addresses are touched, it is cheaper to begin
// anew.
func (x *Index) findOwners() {
	if len(x.change.touched) > len(x.pods)/2 {
		x.change.fresh = true
	}
	if x.change.fresh {
		return
	}
	among := x.change.pods
	for ip := range x.change.touched {
		if x.Double(ip) || x.owned.pods[maphash.Comparable(x.owned.seed, ip)] > 1 {
			among = x.every()
			break
		}
	}
	slices.Sort(among)
	for _, i := range slices.Compact(among) {
		if int(i) < len(x.pods) && x.spots[i].group != nil && slices.ContainsFunc(x.pods[i].IPs, x.isTouched) {
			x.change.owners = append(x.change.owners, i)
			x.change.groups[x.spots[i].group] = struct{}{} // it may be alone with its address now, or not any more
		}
	}
}

// every is the places of all pods.
func (x *Index) every() []int32 {
	all := make([]int32, len(x.pods))
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// findDoubles finds the addresses that several pods have.
func (x *Index) findDoubles() {
	if !x.change.fresh {
		for ip := range x.change.touched {
			delete(x.double, ip)
		}
		x.addDoubles(x.change.owners)
		return
	}
	x.double = nil
	x.addDoubles(x.every())
}

// addDoubles adds the addresses that several of the pods have.
func (x *Index) addDoubles(pods []int32) {
	var ips []netip.Addr
	for _, i := range pods {
		if x.spots[i].group != nil {
			ips = append(ips, x.pods[i].IPs...)
		}
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	for i := 1; i < len(ips); i++ {
		if ips[i] == ips[i-1] {
			if x.double == nil {
				x.double = map[netip.Addr]struct{}{}
			}
			x.double[ips[i]] = struct{}{}
		}
	}
}

// Double reports whether several pods have an address, so that nobody knows whose it is.
func (x *Index) Double(ip netip.Addr) bool {
	_, ok := x.double[ip]
	return ok
}

// Doubles reports whether there is such an address.
func (x *Index) Doubles() bool { return len(x.double) > 0 }

func (x *Index) isTouched(ip netip.Addr) bool {
	_, ok := x.change.touched[ip]
	return ok
}

// Same reports whether two records of a pod say the same.
func Same(a, b *model.Pod) bool {
	return a.UID == b.UID && a.Name == b.Name && a.Namespace == b.Namespace && a.Node == b.Node &&
		a.HostNetwork == b.HostNetwork && sameSlice(a.IPs, b.IPs) && sameSlice(a.Ports, b.Ports) &&
		sameLabels(a.Labels, b.Labels)
}

// sameSlice looks at the elements only of slices that don't share them.
func sameSlice[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	return len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b)
}

// sameLabels looks at the entries only of maps that are not one: label sets are mostly
// shared.
func sameLabels(a, b map[string]string) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() || maps.Equal(a, b)
}

// scratch is memory that intern uses again.
type scratch struct {
	keys []string
	text []byte
}

// intern finds the number of what is asked for of a label set. The text is built in a scratch buffer and becomes
// a string only for a set that was not seen before.
func (x *Index) intern(set map[string]string) int32 {
	s := &x.scratch
	s.keys = s.keys[:0]
	for k := range set {
		if _, ok := x.asked[k]; ok || x.asked == nil {
			s.keys = append(s.keys, k)
		}
	}
	slices.Sort(s.keys)
	s.text = s.text[:0]
	for _, k := range s.keys {
		s.text = append(s.text, k...)
		s.text = append(s.text, 0)
		s.text = append(s.text, set[k]...)
		s.text = append(s.text, 0)
	}
	at, ok := x.byText[string(s.text)]
	if !ok {
		at = int32(len(x.labelSets))
		x.byText[string(s.text)] = at
		asked := set
		if len(s.keys) < len(set) {
			asked = map[string]string{}
			for _, k := range s.keys {
				asked[k] = set[k]
			}
		}
		x.labelSets = append(x.labelSets, asked)
	}
	return at
}
