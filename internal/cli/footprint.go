package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/scale/footprint"
)

// footprintFlags are what netassay footprint can be told.
type footprintFlags struct {
	lab     labFlags
	cfg     footprint.Config
	seconds float64 // of churn
	out     string
}

func newFootprint(stdio IO) *cobra.Command {
	f := footprintFlags{lab: labFlags{engine: "none", nodes: 1}}
	c := &cobra.Command{
		Use:   "footprint",
		Short: "Measure what an agent of the reference enforcer costs in a large cluster",
		Long: `Fills a lab of one node with hollow nodes and pods (objects without a machine) and with
policies, starts real pods on the lab's node, then a fresh agent, and measures its memory
from the start to a steady state and its processor time while pods come and go. Everything
is read from the outside: /proc, cgroup and ipset; only the Go heap is the agent's own word.

At the default size, filling the cluster takes two to three minutes on two cores, and all of
it about five; progress is printed meanwhile. The agent's processor time is that of the
machine at hand: measure when nothing else runs. The bounds are meant for the default size.

Leaves summary.json (vmhwm_mib, rss_mib, heap_mib, sets_kernel_bytes, cgroup_peak_mib,
churn_cpu_percent and what they were measured at), report.txt and the logs of all programs.

Exit code 0: within the bounds. 1: above one. 2: the run itself failed, or the API server
could not keep up with the churn. 130: interrupted.`,
		Example: `  # the figures that count
  netassay footprint
  # a small cluster
  netassay footprint --nodes 20 --pods 1000 --policies 50 --local-pods 10 --churn-seconds 10
  # tighter bounds than the usual
  netassay footprint --max-vmhwm-mib 58 --max-churn-cpu 7`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runFootprint(c.Context(), stdio, f) },
	}
	flags := c.Flags()
	size := &f.cfg.Size
	flags.IntVar(&size.Nodes, "nodes", 250, "hollow nodes")
	flags.IntVar(&size.Pods, "pods", 20000, "hollow pods")
	flags.IntVar(&size.Namespaces, "namespaces", 100, "namespaces that pods and policies are spread over")
	flags.IntVar(&size.Policies, "policies", 1000, "policies")
	flags.IntVar(&f.cfg.LocalPods, "local-pods", 80, "real pods on the agent's node")
	flags.Float64Var(&f.cfg.ChurnRate, "churn-rate", 100, "pod events per second of the churn")
	flags.Float64Var(&f.seconds, "churn-seconds", 60, "length of the churn; 0 is none")
	flags.Float64Var(&f.cfg.MaxHWM, "max-vmhwm-mib", footprint.MaxHWM, "most memory (VmHWM, start to steady state) that passes, in MiB")
	flags.Float64Var(&f.cfg.MaxChurnCPU, "max-churn-cpu", footprint.MaxChurnCPU, "most processor time under churn that passes, in percent of one core")
	flags.Uint64Var(&size.Seed, "seed", 1, "of what policies say")
	flags.StringVar(&f.lab.family, "ip-family", "dual", "IP families of the lab: ipv4, ipv6 or dual")
	flags.StringVar(&f.lab.proxyMode, "proxy-mode", "iptables", "kube-proxy mode: iptables or nftables")
	flags.StringVar(&f.out, "out", "", "result directory (default results/<time>-footprint)")
	return c
}

func runFootprint(ctx context.Context, stdio IO, f footprintFlags) error {
	f.cfg.ChurnFor = time.Duration(f.seconds * float64(time.Second))
	if err := errors.Join(f.lab.check(), f.cfg.Check()); err != nil {
		return err
	}
	if f.out != "" {
		if err := reports.Claim(f.out); err != nil {
			return err
		}
	}
	// Found, or built, while there still is a network.
	if _, err := binaries.Own(ctx, "enforcer"); err != nil {
		return err
	}
	return inSandbox(ctx, stdio, f.lab, func(ctx context.Context) error {
		if f.out == "" {
			f.out = filepath.Join("results", time.Now().Format("20060102-150405")+"-footprint")
			if err := reports.Claim(f.out); err != nil {
				return err
			}
		}
		return withLab(ctx, stdio, f.lab, filepath.Join(f.out, "logs"), func(ctx context.Context, s *session) error {
			return footprintIn(ctx, stdio, s, f)
		})
	})
}

// footprintIn measures in a running lab and leaves the result.
func footprintIn(ctx context.Context, stdio IO, s *session, f footprintFlags) error {
	enforcer, err := binaries.Own(ctx, "enforcer")
	if err != nil {
		return err
	}
	cfg := f.cfg
	cfg.REST, cfg.Node, cfg.Enforcer, cfg.Image = s.lab.REST(), s.lab.EngineNodes()[0], enforcer, s.lab.Image("probe")
	cfg.Log = func(line string) { fmt.Fprintln(stdio.Err, line) }
	summary, err := footprint.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if err := writeFootprint(f.out, summary); err != nil {
		return err
	}
	if err := summary.Text(stdio.Out); err != nil {
		return err
	}
	fmt.Fprintf(stdio.Out, "results: %s\n", f.out)
	switch summary.Verdict {
	case footprint.Pass:
		return nil
	case footprint.Fail:
		return withCode(exitFail)
	default:
		return withCode(exitBroken)
	}
}

// writeFootprint leaves summary.json and report.txt in the result directory.
func writeFootprint(dir string, s footprint.Summary) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, reports.SummaryFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	report, err := os.Create(filepath.Join(dir, reports.ReportFile))
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return errors.Join(s.Text(report), report.Close())
}
