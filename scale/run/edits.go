package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

// Edits has a run do nothing but edit, delete and make again a policy of ipBlocks, and start the
// engine again: what the documentation of AKS says of Azure NPM, "Editing/deleting network
// policies".
type Edits struct {
	Blocks    []int         // ipBlocks of the policy, one size after the other
	N         int           // edits of each size
	Deletions int           // and creations, of each size
	Pace      time.Duration // from the answer to a change to the next change
	Restarts  int
}

// Check refuses wrong values, naming the flag.
func (e *Edits) Check() error {
	if e == nil {
		return nil
	}
	for _, k := range e.Blocks {
		if k < 1 || k > 10000 {
			return fmt.Errorf("--blocks %d: give 1 to 10000", k)
		}
	}
	switch {
	case len(e.Blocks) == 0:
		return errors.New("--blocks is empty: give one size or more")
	case e.N < 1 || e.N > 100000:
		return fmt.Errorf("--edits %d: give 1 to 100000", e.N)
	case e.Deletions < 0 || e.Deletions > 100000:
		return fmt.Errorf("--deletions %d: give 0 to 100000", e.Deletions)
	case e.Pace < 10*time.Millisecond || e.Pace > 10*time.Second:
		return fmt.Errorf("--pace %v: give 10ms to 10s", e.Pace)
	case e.Restarts < 0 || e.Restarts > 100:
		return fmt.Errorf("--restarts %d: give 0 to 100", e.Restarts)
	}
	return nil
}

// editPhases are those of a run that has Edits.
func editPhases(e *env, begin, fill phase) []phase {
	c := e.cfg
	all := []phase{
		begin,
		{"control: no engine", nullControl{e.traffic, e.births, 0}},
		{"floor", floor{e.traffic, min(c.Samples, 30)}},
		{"baseline", baseline{e.traffic, e.life}},
		fill,
	}
	for _, k := range c.Edits.Blocks {
		all = append(all, phase{fmt.Sprintf("%d ipBlocks", k), blockPolicy{e.traffic, k, c.Edits}})
	}
	for i := range c.Edits.Restarts {
		all = append(all, phase{fmt.Sprintf("restart %d", i+1), restart{e.traffic}})
	}
	return all
}

// blockPolicy changes a policy of ipBlocks, in which nobody is, so that no verdict should change.
// Edits are of a policy that alone isolates the server, and lets its clients in by a selector
// beside the blocks. Deletions and creations are of one that selects the witness, which another
// policy isolates all the time; the witness is watched at edits too.
type blockPolicy struct {
	*traffic
	blocks int
	edits  *Edits
}

func (p blockPolicy) Execute(ctx context.Context) error {
	if !p.enforced {
		p.note("%d ipBlocks: the policy of the witness is not enforced: nothing can be measured", p.blocks)
		return nil
	}
	versions := p.versions(server, withLabel(p.space(clientsNS), friend, "yes"))
	err := p.under(ctx, versions[0], func() error {
		if err := p.enforces(ctx, p.to(server, stranger), p.to(server, near, far)); err != nil {
			p.note("%d ipBlocks: edits can't be measured: the policy is not enforced: %v", p.blocks, err)
			return ctx.Err()
		}
		return p.watched(ctx, p.edits.N, []string{server, witness}, func(i int) []step {
			return []step{{v1.EditUpdate, load.Update, versions[(i+1)%2]}}
		})
	})
	if err != nil {
		return err
	}
	if err := p.enforces(ctx, p.to(witness, stranger), p.to(witness, near, far)); err != nil {
		p.note("%d ipBlocks: deletions can't be measured: the policy of the witness is not enforced any more: %v", p.blocks, err)
		return ctx.Err()
	}
	versions = p.versions(witness)
	return p.watched(ctx, p.edits.Deletions, []string{witness}, func(i int) []step {
		return []step{{v1.EditCreate, load.Create, versions[i%2]}, {v1.EditDelete, load.Delete, versions[i%2]}}
	})
}

// versions are what edits make of the policy in turn.
func (p blockPolicy) versions(subject string, more ...netv1.NetworkPolicyPeer) (out [2]*netv1.NetworkPolicy) {
	for i := range out {
		out[i] = p.ingress("edited", subject, append(blocks(p.blocks, []model.Family{p.families[0]}, i == 1), more...))
	}
	return out
}

// step is a change that is to be made.
type step struct {
	what   string
	verb   load.Verb
	policy *netv1.NetworkPolicy
}

// watched makes the changes of n rounds, and keeps what became of flows to some pods.
func (p blockPolicy) watched(ctx context.Context, n int, to []string, round func(i int) []step) error {
	streams, err := p.watchNew(ctx, to)
	if err != nil {
		return err
	}
	err = flows.Pause(ctx, flows.PreCheck)
	var changes []edit
	if err == nil {
		changes, err = p.change(ctx, n, round)
	}
	if _, restErr := p.meter.settled(ctx, pointSettle); err == nil { // what comes late is of the last change
		err = restErr
	}
	watched, stopErr := p.stop(context.WithoutCancel(ctx), streams)
	for _, samples := range blame(p.blocks, changes, watched, p.maxBlind) {
		p.keep(samples...)
	}
	return errors.Join(err, stopErr)
}

// watchNew starts streams whose every packet is judged as one of a new connection, to be denied and
// allowed, and streams that are answered, whose connections are old.
func (p blockPolicy) watchNew(ctx context.Context, to []string) (*flows.Streams, error) {
	var closed, open []flows.Flow
	for _, pod := range to {
		closed = append(closed, p.to(pod, stranger)...)
		open = append(open, p.to(pod, near, far)...)
		for _, f := range p.to(pod, near, far) {
			f.Established = true
			open = append(open, f)
		}
	}
	return p.watchFixed(ctx, closed, open, p.timing.Interval)
}

// edit is a change of the policy.
type edit struct {
	what      string
	call, ack time.Duration
}

// change makes the changes of n rounds, or of as many as there is time for.
func (p blockPolicy) change(ctx context.Context, n int, round func(i int) []step) (done []edit, err error) {
	began := probe.Now()
	for i := range n {
		if probe.Now()-began > p.timing.Phase {
			p.note("%d ipBlocks: %d of %d rounds of changes were made in %v", p.blocks, i, n, p.timing.Phase)
			break
		}
		for _, s := range round(i) {
			e := edit{what: s.what, call: probe.Now()}
			if err := persistent(func(ctx context.Context) error { return p.write(ctx, s.verb, s.policy) })(ctx); err != nil {
				return done, err
			}
			e.ack = probe.Now()
			done = append(done, e)
			if err := flows.Pause(ctx, p.edits.Pace); err != nil {
				return done, err
			}
		}
		if (i+1)%50 == 0 {
			p.log(fmt.Sprintf("%d ipBlocks: %d of %d rounds of changes", p.blocks, i+1, n))
		}
	}
	return done, nil
}

// blame says of each change what became of flows from it until the next: a sample of each kind of
// them. A sender that was silent for longer than maxBlind makes it void, and so does a flow that was
// wrong already when the first change began.
func blame(blocks int, changes []edit, watched []flows.Watched, maxBlind time.Duration) [][]v1.Sample {
	kinds, out := tracesOf(watched), make([][]v1.Sample, len(changes))
	for i, c := range changes {
		during := flows.Interval{From: c.call, To: math.MaxInt64}
		if i+1 < len(changes) {
			during.To = changes[i+1].call
		}
		for _, kind := range v1.EditFlows() {
			s := outcome(kinds[kind], kind, during, maxBlind)
			if i == 0 && !right(outcome(kinds[kind], kind, flows.Interval{From: c.call - flows.PreCheck, To: c.call}, maxBlind)) {
				s.Void = "the flow was wrong already before the change"
			}
			s.Transition, s.Ack = v1.EditOf(blocks, c.what), ms(c.ack)
			out[i] = append(out[i], s)
		}
	}
	return out
}

func right(s v1.Sample) bool { return s.Leaked+s.Lost == 0 }

// trace is a stream, its packets that did not do as they must, and why these may not be all.
type trace struct {
	probe.StreamReport
	wrong []flows.Span
	void  string
}

// tracesOf are the streams of each kind of flows.
func tracesOf(watched []flows.Watched) map[string][]trace {
	out := map[string][]trace{}
	for _, w := range watched {
		kind, t := v1.EditAllowed, trace{w.Report, flows.Wrong(w.Report), flows.Unlisted(w.Report)}
		switch {
		case w.Report.Stream.Blocked:
			kind = v1.EditDenied
		case w.Flow.Established:
			kind = v1.EditEstablished
		}
		if kind != v1.EditDenied && w.Report.Overflow > 0 {
			t.void = "a receiver may have lost packets itself"
		}
		out[kind] = append(out[kind], t)
	}
	return out
}

// outcome is what became of the flows of a kind within a time. Of several the one counts that was
// wrong for the longest.
func outcome(all []trace, kind string, during flows.Interval, maxBlind time.Duration) v1.Sample {
	var packets uint64
	var longest time.Duration
	void := ""
	for _, t := range all {
		void = cmp.Or(void, t.void, blind(t.Sender, during, maxBlind))
		n := uint64(0)
		for _, s := range t.wrong {
			n += within(s, during, t.Stream)
		}
		packets, longest = packets+n, max(longest, time.Duration(n)*t.Stream.Interval)
	}
	s := lasted("", kind != v1.EditDenied, during.From, longest)
	s.Pair, s.Void = kind, void
	if kind == v1.EditDenied {
		s.Leaked = packets
	} else {
		s.Lost = packets
	}
	return s
}

// within is how many packets of a span met their fate within a time. Those that did not arrive did
// so between the arrivals around them.
func within(s flows.Span, during flows.Interval, stream probe.Stream) uint64 {
	if !stream.Blocked {
		s.From, s.To = s.From+stream.Interval, max(s.From, s.To-stream.Interval)
	}
	from, to := max(s.From, during.From), min(max(s.From, s.To), during.To-1)
	if to < from {
		return 0
	}
	return min(s.Count, uint64((to-from)/stream.Interval)+1)
}

// blind is why a sender can't have shown all that happened within a time.
func blind(s wire.SenderReport, during flows.Interval, most time.Duration) string {
	for _, o := range s.Outages {
		if o.To > during.From && o.From < during.To && o.To-o.From > most {
			return "the sender was silent meanwhile"
		}
	}
	return ""
}
