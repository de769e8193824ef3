package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/ptr"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/testbed"
)

// footprintFlags are what netassay footprint has beside the load and the place.
type footprintFlags struct {
	seconds float64 // of pod churn
	hwm     float64 // bound, in MiB
	busy    float64 // bound, in percent of one core
}

func newFootprint(stdio IO) *cobra.Command {
	f, own := newScaleFlags(testbed.Lab, testbed.Kind), footprintFlags{}
	f.cfg.Footprint, f.cfg.Limits.MaxForeign, f.cfg.Timing.Settle = true, 1, 10*time.Second
	c := &cobra.Command{
		Use:   "footprint",
		Short: "Measure what an agent costs in a large cluster: start, memory, processor",
		Long: `Fills a lab with the load of netassay scale, starts a fresh agent on the full cluster, and
measures its memory and processor time until it is at rest, and then while hollow pods come
and go. It is netassay scale without all that is timed by packets. Everything is read from
the outside: /proc, cgroup and ipset; only the Go heap is the agent's own word.

At the default size all of it takes some three minutes on two cores; progress is printed
meanwhile. The agent's processor time is that of the machine at hand: measure when nothing
else runs. The bounds are meant for the default size, and for the reference enforcer.

Leaves what netassay scale leaves: summary.json and report.txt (columns cold-start and
pod-churn), records.jsonl, run.json, and the logs of all programs.

Exit code 0: within the bounds. 1: above one. 2: the run itself failed, or the API server
could not keep up with the churn. 130: interrupted.`,
		Example: `  # the figures that count
  netassay footprint
  # a small cluster
  netassay footprint --nodes 20 --pods 1000 --policies 50 --local-pods 10 --churn-seconds 10
  # tighter bounds than the usual
  netassay footprint --max-vmhwm-mib 58 --max-churn-cpu 7
  # engines side by side on one load
  netassay footprint --engine reference,kube-router --ip-family ipv4 --profile "headline families=ipv4"`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := own.complete(&f); err != nil {
				return err
			}
			if err := f.complete(c); err != nil {
				return err
			}
			return runScale(c.Context(), stdio, f)
		},
	}
	flags := c.Flags()
	f.registerSubject(flags, nil)
	f.registerLoad(flags)
	flags.Float64Var(&f.cfg.PodChurn.Rate, "churn-rate", f.cfg.PodChurn.Rate, "pod events per second of the churn")
	flags.Float64Var(&own.seconds, "churn-seconds", f.cfg.PodChurn.For.Seconds(), "length of the churn; 0 is none")
	flags.Float64Var(&own.hwm, "max-vmhwm-mib", 64, "most memory (VmHWM) that passes, in MiB")
	flags.Float64Var(&own.busy, "max-churn-cpu", 10, "most processor time under churn that passes, in percent of one core")
	flags.DurationVar(&f.cfg.Timing.Settle, "settle", f.cfg.Timing.Settle, "how long an agent must rest before its memory is read")
	return c
}

// complete enters the bounds and the churn.
func (own *footprintFlags) complete(f *scaleFlags) error {
	switch {
	case !(f.cfg.PodChurn.Rate > 0 && f.cfg.PodChurn.Rate <= 10000):
		return fmt.Errorf("--churn-rate %v: give pod events per second, above 0 and up to 10000", f.cfg.PodChurn.Rate)
	case own.seconds < 0:
		return fmt.Errorf("--churn-seconds %v: must not be negative", own.seconds)
	case own.hwm <= 0 || own.busy <= 0:
		return fmt.Errorf("--max-vmhwm-mib %v, --max-churn-cpu %v: give bounds above 0", own.hwm, own.busy)
	}
	f.cfg.PodChurn.For = time.Duration(own.seconds * float64(time.Second))
	f.footprint = &v1.Limits{HWM: ptr.To(own.hwm * (1 << 20))}
	if own.seconds > 0 {
		f.footprint.CPUShare = &own.busy
	}
	return nil
}
