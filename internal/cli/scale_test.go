package cli

import (
	"strings"
	"testing"
	"time"

	scalerun "github.com/netassay/netassay/scale/run"
	"github.com/netassay/netassay/testbed"
)

// The line is compared between runs: what was measured alike must read alike, also in results
// of versions before there was pod churn.
func TestScaleChangesLine(t *testing.T) {
	const before = "rate=1 burst=0 quiet=0s for=20s mix=replace:1,except:1,unexcept:1,rotate:1,recreate:1,podlabel:1,nslabel:1,restart:1" +
		" replace=0.1 seed=7 rates=[1 10 20] samples=100 cidrs=10000 rounds=5"
	for _, tc := range []struct {
		name   string
		change func(*scalerun.Config)
		want   string
	}{
		{"default", func(*scalerun.Config) {}, before + ", 100 pod events/s for 1m0s"},
		{"no time for pod churn", func(c *scalerun.Config) { c.PodChurn.For = 0 }, before},
		{"pod churn skipped", func(c *scalerun.Config) { c.Skip = []string{"pod churn"} }, before},
		{"others skipped", func(c *scalerun.Config) { c.Skip = []string{"cycles", "pod churn", "state"} }, before + " without cycles, state"},
		{"one skipped", func(c *scalerun.Config) { c.Skip = []string{"cycles"} }, before + ", 100 pod events/s for 1m0s without cycles"},
		{"footprint", func(c *scalerun.Config) { c.Footprint, c.PodChurn.For = true, time.Second }, "100 pod events/s for 1s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newScaleFlags(testbed.Lab)
			f.cfg.Profile.Seed = 7
			tc.change(&f.cfg)
			if got := f.changes(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// What can't be measured of an engine that serves only pods that are younger is refused before
// anything starts.
func TestPluggedEngines(t *testing.T) {
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"footprint", "--engine", "cilium"}, "engine cilium serves no pod that is older than its agent"},
		{[]string{"footprint", "--engine", "cilium-jitter-0s"}, "engine cilium-jitter-0s serves no pod that is older than its agent"},
		{[]string{"migrate", "watch", "--from", "azure-npm", "--to", "cilium-jitter-0s"}, "cilium-jitter-0s serves no pod that is older than its agent"},
	} {
		if code, _, errs := run(t, tc.args...); code != exitBroken || !strings.Contains(errs, tc.says) {
			t.Errorf("%v: exit code %d, %s", tc.args, code, errs)
		}
	}
}
