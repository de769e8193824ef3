package runner

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

func TestUnsupportedFeaturesAreNotJudged(t *testing.T) {
	unsupported := []engines.Unsupported{{Feature: string(cases.SCTP), Reason: "no SCTP match in its data plane", Then: engines.Closed}}
	for _, force := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			cfg := w.config(loadCases(t, "sctp-port", "isolation-none")...)
			cfg.Unsupported, cfg.RunUnsupported = unsupported, force
			run := w.run(t, cfg)
			c := outcomeOf(t, run, "sctp-port")
			want := v1.NotSupported
			if force {
				want = v1.Pass
			}
			if c.Outcome != want || (!force && !strings.Contains(c.Reason, "no SCTP match")) {
				t.Errorf("forced %v: %s (%s), want %s", force, c.Outcome, c.Reason, want)
			}
			if run.Verdict() != v1.VerdictPass {
				t.Errorf("verdict %s", run.Verdict())
			}
		})
	}
}

func TestUnsupportedFamilyIsNotJudged(t *testing.T) {
	unsupported := []engines.Unsupported{{Family: model.IPv6, Reason: "IPv4 alone", Then: engines.Closed}}
	for _, force := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			cfg := w.config(loadCases(t, "isolation-deny-ingress", "ipblock-one-family")...)
			cfg.Unsupported, cfg.RunUnsupported = unsupported, force
			run := w.run(t, cfg)
			seen := map[string]bool{}
			for c := range run.EachCell {
				seen[c.Family] = true
			}
			want, families := v1.NotSupported, []string{"IPv4"}
			if force {
				want, families = v1.Pass, []string{"IPv4", "IPv6"}
			}
			if diff := cmp.Diff(families, run.Families); diff != "" {
				t.Errorf("families (-want +got):\n%s", diff)
			}
			if !seen["IPv4"] || seen["IPv6"] != force {
				t.Errorf("forced %v: families of cells %v", force, seen)
			}
			if c := outcomeOf(t, run, "ipblock-one-family"); c.Outcome != want {
				t.Errorf("forced %v: %s (%s), want %s", force, c.Outcome, c.Reason, want)
			}
			if told := len(run.Lacks) == 1; told == force {
				t.Errorf("forced %v: report says %q", force, run.Lacks)
			}
		})
	}
}

// What an engine lacks is an excuse where it is refused or closed. Where it is open, or nobody says
// what it is, it is judged, and the report says why that engine has IPv6.
func TestOpenIsNoExcuse(t *testing.T) {
	for then, excuse := range map[engines.Disposition]bool{engines.Refused: true, engines.Closed: true, engines.Open: false, "": false} {
		inWorld(t, func(t *testing.T, w *world) {
			w.verdict = func(f model.Flow) model.Verdict { // as it has nothing of IPv6
				if f.Server.Is6() {
					return model.Allow
				}
				return w.enforced(f)
			}
			cfg := w.config(loadCases(t, "isolation-deny-ingress", "sctp-port")...)
			cfg.Unsupported = []engines.Unsupported{
				{Family: model.IPv6, Reason: "IPv4 alone", Then: then}, {Feature: string(cases.SCTP), Reason: "TCP and UDP alone", Then: then},
			}
			run := w.run(t, cfg)
			want := map[string]v1.Outcome{"isolation-deny-ingress": v1.Fail, "sctp-port": v1.Fail}
			if excuse {
				want = map[string]v1.Outcome{"isolation-deny-ingress": v1.Pass, "sctp-port": v1.NotSupported}
			}
			for name, outcome := range want {
				if c := outcomeOf(t, run, name); c.Outcome != outcome {
					t.Errorf("%q: case %s: %s (%s), want %s", then, name, c.Outcome, c.Reason, outcome)
				}
			}
			if told := slices.ContainsFunc(run.Notes, func(n string) bool { return strings.Contains(n, "IPv6: IPv4 alone") }); told == excuse || (len(run.Lacks) == 2) != excuse {
				t.Errorf("%q: notes %q, lacks %q", then, run.Notes, run.Lacks)
			}
			for cell := range run.EachCell {
				if cell.Outcome == v1.Fail && (cell.Family != string(model.IPv6) || cell.Want != "Deny") {
					t.Errorf("%q: convicted of %+v", then, cell)
				}
			}
		})
	}
}

// A family that no pod has is nothing to speak of.
func TestUnexcused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Unsupported = []engines.Unsupported{{Family: "IPv5", Reason: "it is none", Then: engines.Open}, {Feature: "SCTP", Reason: "none", Then: engines.Open}, {Feature: "UDP", Reason: "none"}}
		want := []string{
			"the engine lacks this and leaves it open, so that it is judged: SCTP: none",
			"the engine lacks this and does not say what it does then, so that it is judged: UDP: none",
		}
		if diff := cmp.Diff(want, cfg.unexcused()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
