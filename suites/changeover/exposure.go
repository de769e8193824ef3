package changeover

import (
	"cmp"
	"maps"
	"slices"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/steady/account"
)

// index finds the watch that a flow belongs to.
type index map[flows.Flow]*watch

func indexOf(all []watch) index {
	by := index{}
	for i := range all {
		for _, f := range all[i].flows {
			by[f] = &all[i]
			if !all[i].drop {
				by[established(f)] = &all[i]
			}
		}
	}
	return by
}

// established is the same flow as one that is answered, which a filter may go on to let pass when
// it lets no new one.
func established(f flows.Flow) flows.Flow {
	f.Established = true
	return f
}

// split are the flows that must pass, those of them that are established first, and those that
// must not pass.
func split(all []watch) (pass, kept, drop []flows.Flow) {
	for _, w := range all {
		if w.drop {
			drop = append(drop, w.flows...)
			continue
		}
		pass = append(pass, w.flows...)
		for _, f := range w.flows {
			kept = append(kept, established(f))
		}
	}
	return pass, kept, drop
}

// records are the watches as they are told of, those of a node, policy and place in one.
func records(all []watch) []v1.Record {
	var out []*v1.Watch
	for _, w := range all {
		i := slices.IndexFunc(out, func(r *v1.Watch) bool { return r.Node == w.node && r.Policy == w.policy && r.Place == w.place })
		if i < 0 {
			i = len(out)
			out = append(out, &v1.Watch{Node: w.node, Policy: w.policy, Place: w.place})
		}
		out[i].Flows += len(w.flows)
	}
	var list []v1.Record
	for _, r := range out {
		list = append(list, r)
	}
	return list
}

// exposed are the times of a segment in which streams went wrong, the first first.
func (by index) exposed(s account.Segment) []v1.Exposure {
	var out []v1.Exposure
	for _, w := range s.Streams {
		if c := flows.Count(w.Report); c.Leaked+c.Lost == 0 {
			continue // what overflowed in a receiver is nobody's fault
		}
		for _, span := range flows.Wrong(w.Report) {
			out = append(out, by.exposure(w.Flow, s.Phase, w.Report.Stream.Blocked, span))
		}
	}
	slices.SortFunc(out, func(a, b v1.Exposure) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Flow, b.Flow)) })
	return out
}

// connections are new connections that went wrong: those of a flow that follow each other with
// no right one between them are one exposure.
type connections struct {
	by   index
	open map[flows.Flow]*v1.Exposure
}

// see takes a new connection of a flow, and gives the exposure that it has ended.
func (c *connections) see(s account.Segment, f flows.Flow, blocked bool, o probe.Observation) (ended *v1.Exposure) {
	if o.Result == probe.Inconclusive {
		return nil
	}
	last := c.open[f]
	if !s.Wrong(blocked, o) {
		delete(c.open, f)
		return last
	}
	if last != nil && last.Phase == s.Phase {
		last.To, last.Count = o.Done, last.Count+1
		return nil
	}
	e := c.by.exposure(f, s.Phase, blocked, flows.Span{Interval: flows.Interval{From: o.Sent, To: o.Done}, Count: 1})
	c.open[f] = &e
	return last
}

// end gives those that are open still, in order.
func (c *connections) end() []v1.Record {
	var all []v1.Record
	for _, f := range slices.SortedFunc(maps.Keys(c.open), func(a, b flows.Flow) int { return cmp.Compare(a.String(), b.String()) }) {
		all = append(all, c.open[f])
	}
	clear(c.open)
	return all
}

func (by index) exposure(f flows.Flow, phase string, blocked bool, s flows.Span) v1.Exposure {
	what := v1.Lost
	if blocked {
		what = v1.Leaked
	}
	w := by[f]
	return v1.Exposure{Node: w.node, Policy: w.policy, Place: w.place, Flow: f.String(), What: what, Phase: phase, Count: s.Count, From: s.From, To: s.To}
}
