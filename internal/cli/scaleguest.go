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
	f.cfg.Guest = &scalerun.Guest{Label: fixture.RunLabel, Run: runner.NewID()}
	if !flags.Changed("profile") {
		f.profile = "guest"
	}
	if !flags.Changed("cidrs") {
		f.cfg.CIDRs = guestCIDRs
	}
	return nil
}

// runGuest measures the engine of a cluster that was there before, or says what that would cost.
func runGuest(ctx context.Context, stdio IO, f scaleFlags) error {
	if !f.dryRun {
		if err := f.bed.run(ctx, stdio, "", f.fits); err != nil {
			return err // before there is a result directory
		}
		return f.bed.inside(ctx, stdio, &f.out, f.label(), func(ctx context.Context) error { return scaleAll(ctx, stdio, f) })
	}
	return f.bed.run(ctx, stdio, "", func(ctx context.Context, b *testbed.Testbed) error {
		cfg := f.cfg
		cfg.Guest = f.guest(ctx, b)
		_, err := fmt.Fprintln(stdio.Out, strings.Join(cfg.Plan(), "\n"))
		return err
	})
}

// fits says what the cluster lacks for a turn, when that is too much.
func (f *scaleFlags) fits(ctx context.Context, b *testbed.Testbed) error {
	return b.Fit(ctx, f.guest(ctx, b).Needs, func(string) {}) // each turn tells of the rest
}

// guest is what is known of the cluster and of its engine. Each turn is a run of its own.
func (f *scaleFlags) guest(ctx context.Context, b *testbed.Testbed) *scalerun.Guest {
	g := &scalerun.Guest{Cluster: b.Cluster, Label: fixture.RunLabel, Run: runner.NewID(), PullSecret: b.PullSecret}
	there, ok := b.Cluster.(*existing.Cluster)
	if !ok || !f.agentCost {
		g.Unread = "nobody asked for them (--agent-cost)"
		return g
	}
	lines, err := there.Lacks(ctx, scalerun.CostPermissions())
	if err == nil && len(lines) > 0 {
		err = fmt.Errorf("%s", strings.Join(lines, "; "))
	}
	engines, engineErr := there.Engines(ctx, registry.Profiles())
	switch {
	case err != nil:
		g.Unread = err.Error()
	case engineErr != nil || len(engines) == 0:
		g.Unread = existing.Believed(engines, engineErr)
	}
	if g.Unread != "" {
		return g
	}
	for _, e := range engines {
		g.Agents = append(g.Agents, scalerun.Agent{Namespace: e.Namespace, DaemonSet: e.DaemonSet})
	}
	return g
}

// scaleGuest measures the engine that is there, and records what it saw.
func scaleGuest(ctx context.Context, stdio IO, f scaleFlags, record func(...v1.Record), t v1.Turn) error {
	logs := filepath.Join(f.out, "logs", fmt.Sprintf("%s-%d", t.Engine, t.Repeat+1))
	return f.bed.run(ctx, stdio, logs, func(ctx context.Context, b *testbed.Testbed) error {
		cfg := f.cfg
		cfg.Guest, cfg.Dir, cfg.Name, cfg.Repeat = f.guest(ctx, b), logs, t.Engine, t.Repeat
		cfg.Record, cfg.Log = record, stdio.say
		if t.Repeat == 0 {
			if err := f.recordGuest(ctx, stdio, b, cfg.Guest, record); err != nil {
				return err
			}
		}
		if err := b.Fit(ctx, cfg.Guest.Needs, stdio.say); err != nil {
			return err
		}
		for _, line := range cfg.Plan() {
			stdio.say(line)
		}
		_, err := scalerun.Run(ctx, cfg)
		return err
	})
}

// recordGuest records the conditions anew, now that the cluster is known, and its engine.
func (f *scaleFlags) recordGuest(ctx context.Context, stdio IO, b *testbed.Testbed, g *scalerun.Guest, record func(...v1.Record)) error {
	conditions := f.conditions(stdio.command)
	if err := g.Describe(ctx, conditions); err != nil {
		return err
	}
	described := v1.Engine{Name: f.bed.EngineName(), Version: "unknown"}
	if there, ok := b.Cluster.(*existing.Cluster); ok {
		described.Version = existing.Believed(there.Engines(ctx, registry.Profiles()))
	}
	record(conditions, &described)
	return nil
}
