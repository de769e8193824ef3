package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/chaos/account"
)

// flip changes the verdict of flows to and fro, to see how long it takes.
type flip struct {
	flows       []flow
	n           int                         // samples wanted
	allow, deny func(context.Context) error // the change, ended when it was acknowledged
	both        bool                        // allowing is a sample too
	allowed     bool                        // as it is now
}

// measure makes the changes on an otherwise quiet lab: one stream per flow shows, with a
// packet each millisecond, when the verdict changed; new connections only set the pace.
func (r *run) measure(ctx context.Context, f flip) (Samples, error) {
	var s Samples
	if f.n == 0 {
		return s, nil
	}
	if err := r.awaitVerdict(ctx, f.flows, f.allowed); err != nil {
		return s, err
	}
	var ids []probe.StreamID
	for _, fl := range f.flows {
		id, err := r.fleet.StartStream(ctx, fl.Client, probe.Stream{Addr: fl.addr, Interval: r.cfg.Timing.Interval})
		if err != nil {
			return s, err
		}
		ids = append(ids, id)
	}
	if err := pause(ctx, steady); err != nil {
		return s, err
	}
	changes, err := r.flipping(ctx, f)
	var reports []probe.StreamReport
	errs := []error{err}
	for _, id := range ids {
		report, err := r.fleet.StopStream(ctx, id)
		errs = append(errs, err)
		reports = append(reports, report)
	}
	for _, c := range changes {
		if c.Allow && !f.both {
			continue
		}
		call, ack, ok := c.Settled(reports)
		if !ok {
			s.Void++
			continue
		}
		s.Call, s.Ack = append(s.Call, ms(call)), append(s.Ack, ms(ack))
	}
	return s, errors.Join(errs...)
}

// steady is how long the verdict is left alone once it was seen to be right, so that a
// flip back would be seen.
const steady = 30 * time.Millisecond

func (r *run) flipping(ctx context.Context, f flip) ([]account.Change, error) {
	var changes []account.Change
	for samples := 0; samples < f.n; {
		c := account.Change{Allow: !f.allowed, Call: probe.Now()}
		if len(changes) > 0 {
			changes[len(changes)-1].Until = c.Call
		}
		change := f.deny
		if c.Allow {
			change = f.allow
		}
		if err := change(ctx); err != nil {
			return ended(changes), err
		}
		c.Ack = probe.Now()
		changes = append(changes, c)
		f.allowed = c.Allow
		if err := errors.Join(r.awaitVerdict(ctx, f.flows, f.allowed), pause(ctx, steady)); err != nil {
			return ended(changes), err
		}
		if f.both || !c.Allow {
			samples++
		}
	}
	return ended(changes), pause(ctx, steady)
}

// ended ends the last change now.
func ended(changes []account.Change) []account.Change {
	if n := len(changes); n > 0 {
		changes[n-1].Until = probe.Now() - steady/2
	}
	return changes
}

// floor flips a verdict by one iptables command on the node: what is left of the figures
// when the enforcer costs nothing.
func (r *run) floor(ctx context.Context) (err error) {
	f := r.flows(account.Flipping, subject, near)[:1]
	n := r.agents[1].node
	tool := "iptables-" + r.cfg.Backend
	if strings.Contains(f[0].addr.Addr().String(), ":") {
		tool = "ip6tables-" + r.cfg.Backend
	}
	rule := func(action string) func(context.Context) error {
		return func(ctx context.Context) error {
			return n.Run(ctx, "", tool, "-w", "5", "-t", "mangle", action, "FORWARD", "-s", r.pods[near].ips[0].String(), "-d", f[0].addr.Addr().String(), "-j", "DROP")
		}
	}
	r.result.Floor, err = r.measure(ctx, flip{flows: f, n: r.cfg.Sizes.Samples, allow: rule("-D"), deny: rule("-I"), allowed: true})
	if err != nil {
		return fmt.Errorf("measure the floor: %w", err)
	}
	return r.undo(ctx, f, rule("-D"))
}

// undo allows again what the last sample denied.
func (r *run) undo(ctx context.Context, flows []flow, allow func(context.Context) error) error {
	if r.cfg.Sizes.Samples == 0 {
		return nil
	}
	if err := allow(ctx); err != nil {
		return err
	}
	return r.awaitVerdict(ctx, flows, true)
}

// creation measures how long a new policy takes to isolate a pod from all clients.
func (r *run) creation(ctx context.Context) (err error) {
	flows := r.flows(account.Flipping, subject, near, far)
	allow := func(ctx context.Context) error { return r.delete(ctx, isolate) }
	r.result.Create, err = r.measure(ctx, flip{
		flows: flows, n: r.cfg.Sizes.Samples, allowed: true, allow: allow,
		deny: func(ctx context.Context) error { return r.create(ctx, r.isolatePolicy()) },
	})
	if err != nil {
		return fmt.Errorf("measure policy creation: %w", err)
	}
	return r.undo(ctx, flows, allow)
}

// edition measures how long an edit of the large policy takes to change a verdict, in
// either direction.
func (r *run) edition(ctx context.Context) (err error) {
	r.result.Edit, err = r.measure(ctx, flip{
		flows: r.flows(account.Flipping, server, toggled), n: r.cfg.Sizes.Samples, allowed: bool(r.version),
		allow: r.edit, deny: r.edit, both: true,
	})
	if err != nil {
		return fmt.Errorf("measure edits: %w", err)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
