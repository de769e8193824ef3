package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/engines/registry"
	v1 "github.com/netassay/netassay/reports/v1"
	scalerun "github.com/netassay/netassay/scale/run"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// onGuest says that the cluster was there before, and so was its engine.
func (f *scaleFlags) onGuest() bool { return f.bed.Provider == testbed.Existing }

// registerGuest adds what there is to say of clusters that were there before.
func (f *scaleFlags) registerGuest(flags *pflag.FlagSet) {
	flags.BoolVar(&f.agentCost, "agent-cost", f.agentCost, "existing: read memory and processor time of the engine's agents from their kubelet, which takes the right to get nodes/proxy")
}

// ownClusterOnly are flags about engines that a run starts, and about hollow nodes and pods.
func ownClusterOnly() []string {
	return []string{
		"engine", "enforcer-args", "late", "start-deadline", "hollow", "nodes", "local-pods", "cycles",
		"pod-churn-rate", "pod-churn-for", "max-foreign", "bounds", "settle",
	}
}

// guestCIDRs is the size of the policy that is edited, unless somebody says otherwise.
const guestCIDRs = 1000

// asGuest makes the configuration one for a cluster of somebody else's.
func (f *scaleFlags) asGuest(flags *pflag.FlagSet) error {
	for _, name := range ownClusterOnly() {
		if flags.Changed(name) {
			return fmt.Errorf("--%s is not for --provider %s: its engine is there already, its pods are real, and nothing is known of its nodes", name, testbed.Existing)
		}
	}
	f.bed.Engine, f.bed.Beside = "", false
	f.engines = []string{f.bed.EngineName()}
	f.cfg.Guest = &scalerun.Guest{} // each turn has one of its own, once the cluster is known
	if !flags.Changed("profile") {
		f.profile = "guest"
	}
	if !flags.Changed("cidrs") {
		f.cfg.CIDRs = guestCIDRs
	}
	return nil
}

// runGuest measures the engine of a cluster that was there before, or says what that would cost.
// What the cluster lacks is told before there is a result directory.
func runGuest(ctx context.Context, stdio IO, f scaleFlags) error {
	err := f.bed.run(ctx, stdio, "", func(ctx context.Context, b *testbed.Testbed) error {
		cfg := f.cfg
		cfg.Guest = f.guest(ctx, b)
		if f.dryRun {
			_, err := fmt.Fprintln(stdio.Out, strings.Join(cfg.Plan(), "\n"))
			return err
		}
		return b.Fit(ctx, cfg.Guest.Needs, stdio.say)
	})
	if err != nil || f.dryRun {
		return err
	}
	return f.bed.inside(ctx, stdio, &f.out, f.label(), func(ctx context.Context) error { return scaleAll(ctx, stdio, f) })
}

// guest is what is known of the cluster and of its engine. Each turn is a run of its own.
func (f *scaleFlags) guest(ctx context.Context, b *testbed.Testbed) *scalerun.Guest {
	g := &scalerun.Guest{Cluster: b.Cluster, Label: fixture.RunLabel, Run: runner.NewID(), PullSecret: b.PullSecret, Engine: "unknown"}
	there, ok := b.Cluster.(*existing.Cluster)
	if !ok {
		g.Unread = "nobody knows of this cluster's agents"
		return g
	}
	engines, err := there.Engines(ctx, registry.Profiles())
	g.Engine = existing.Believed(engines, err)
	if g.Unread = f.unread(ctx, there); g.Unread != "" {
		return g
	}
	if err != nil || len(engines) == 0 {
		g.Unread = g.Engine
	}
	for _, e := range engines {
		g.Agents = append(g.Agents, scalerun.Agent{Namespace: e.Namespace, DaemonSet: e.DaemonSet})
	}
	return g
}

// unread is why what agents cost is not read, "" when it may be.
func (f *scaleFlags) unread(ctx context.Context, there *existing.Cluster) string {
	if !f.agentCost {
		return "nobody asked for them (--agent-cost)"
	}
	lines, err := there.Lacks(ctx, scalerun.CostPermissions())
	if err != nil {
		return err.Error()
	}
	return strings.Join(lines, "; ")
}

// scaleGuest measures the engine that is there, and records what it saw.
func scaleGuest(ctx context.Context, stdio IO, f scaleFlags, record func(...v1.Record), t v1.Turn) error {
	logs := filepath.Join(f.out, "logs", fmt.Sprintf("%s-%d", t.Engine, t.Repeat+1))
	return f.bed.run(ctx, stdio, logs, func(ctx context.Context, b *testbed.Testbed) error {
		cfg := f.cfg
		cfg.Guest, cfg.Dir, cfg.Name, cfg.Repeat = f.guest(ctx, b), logs, t.Engine, t.Repeat
		cfg.Record, cfg.Log = record, stdio.say
		if t.Repeat == 0 {
			if err := f.recordGuest(ctx, stdio, cfg.Guest, record); err != nil {
				return err
			}
		}
		for _, line := range cfg.Plan() {
			stdio.say(line)
		}
		_, err := scalerun.Run(ctx, cfg)
		return err
	})
}

// recordGuest records the conditions anew, now that the cluster is known, and its engine.
func (f *scaleFlags) recordGuest(ctx context.Context, stdio IO, g *scalerun.Guest, record func(...v1.Record)) error {
	conditions := f.conditions(stdio.command)
	if err := g.Describe(ctx, conditions); err != nil {
		return err
	}
	record(conditions, &v1.Engine{Name: f.bed.EngineName(), Version: g.Engine})
	return nil
}
