package run

import (
	"context"
	"time"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

// nullControl shows that the method sees an engine that does nothing: policies that deny
// are there, and every flow passes; and the tap counts what reaches a new pod.
type nullControl struct {
	*traffic
	births  *births
	newPods int
}

func (p nullControl) Execute(ctx context.Context) error {
	all := append(p.to(server, near, far), p.to(witness, stranger)...)
	if err := p.write(ctx, load.Create, p.witnessPolicy()); err != nil {
		return err
	}
	err := p.under(ctx, p.isolatePolicy(), func() error {
		if err := p.await(ctx, all, true, p.timing.Deadline); err != nil {
			p.note("control: without an engine not every flow passes: %v", err)
			return ctx.Err()
		}
		p.Controls.NullConvicted = true
		return nil
	})
	if err != nil || p.newPods == 0 {
		return err
	}
	if err := p.write(ctx, load.Create, p.defaultDeny()); err != nil {
		return err
	}
	s, err := p.births.newPod(ctx, "new-control", time.Second)
	p.Controls.NullLeaked, p.Controls.NullRunning = s.leaked, s.running
	return err
}

// floor flips a verdict by one iptables command on the node: what is left of the figures
// when an engine costs nothing.
type floor struct {
	*traffic
	samples int
}

func (p floor) Execute(ctx context.Context) error {
	f := p.to(server, near)[:1]
	rule := func(action string) func(context.Context) error {
		return func(ctx context.Context) error { return p.rule(ctx, action, f[0]) }
	}
	err := p.flipAll(ctx, flip{
		phase: "floor", flows: f, n: p.samples, kinds: [2]string{v1.Floor, ""}, allowed: true,
		allow: rule("-D"), deny: rule("-I"),
	})
	for _, s := range p.Samples {
		p.Controls.Floor = p.Controls.Floor || s.Transition == v1.Floor && s.Void == "" && s.Stable != nil
	}
	return err
}

// rule inserts or deletes the rule that drops a flow.
func (p floor) rule(ctx context.Context, action string, f flows.Flow) error {
	tool := "iptables"
	if f.Family() == model.IPv6 {
		tool = "ip6tables"
	}
	return p.node.Run(ctx, "", tool, "-w", "5", "-t", "mangle", action, "FORWARD",
		"-s", f.Family().First(p.pods[f.Client].Addrs).String(), "-d", f.Addr.Addr().String(), "-j", "DROP")
}
