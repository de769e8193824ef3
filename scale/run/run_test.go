package run

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/flawed"
	"github.com/netassay/netassay/engines/none"
	"github.com/netassay/netassay/engines/reference"
	"github.com/netassay/netassay/internal/sandbox"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/profile"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// small is a run of a small load. Its limits are those of a machine that runs other tests.
func small(name string, e engines.Engine) Config {
	p := profile.Default()
	p.Nodes, p.Pods, p.Namespaces, p.Policies, p.Local = 4, 100, 4, 12, 4
	timing := DefaultTiming()
	timing.Settle, timing.Deadline = 300*time.Millisecond, 20*time.Second
	return Config{
		Engine: e, Name: name, Profile: p, Samples: 3, NewPods: 2, CIDRs: 100, Cycles: 1, Rounds: 2,
		Churn: Churn{Rates: []float64{5}, For: 2 * time.Second}, PodChurn: PodChurn{Rate: 30, For: 3 * time.Second},
		Timing: timing, Limits: Limits{MaxForeign: 1, MaxMissed: 1, MaxBlind: time.Minute, MaxVoid: 1},
	}
}

// inLab gives cfg a lab, which goes when the test ends.
func inLab(t *testing.T, cfg Config) Config {
	t.Helper()
	sandbox.Require(t)
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KUBEBUILDER_ASSETS is not set: run make binaries, or set it")
		}
		t.Skip("KUBEBUILDER_ASSETS is not set")
	}
	set, err := binaries.Ensure(t.Context(), binaries.Options{Want: lab.Programs()})
	if err != nil {
		t.Fatal(err)
	}
	probe, err := binaries.Own(t.Context(), "probe")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(t.Context(), lab.Config{
		Nodes: 2, LogDir: t.TempDir(),
		Programs: set, Probe: probe,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg.Lab, cfg.Pool, cfg.Sandboxed = l, l.Network().Nodes()[0].Pool(), true
	cfg.Log = func(line string) { t.Log(line) }
	return cfg
}

func enforcer(t *testing.T) *reference.Engine {
	t.Helper()
	sandbox.Require(t)
	path, err := binaries.Own(t.Context(), "enforcer")
	if err != nil {
		t.Fatal(err)
	}
	return &reference.Engine{Binary: path, Args: []string{"--default-deny-unknown"}}
}

// count is how many samples of a kind there are, how many of them have a time, and how many
// packets leaked.
func (r *Result) count(kind string) (n, timed int, leaked uint64) {
	for _, s := range r.Samples {
		if s.Transition != kind {
			continue
		}
		n++
		leaked += s.Leaked
		if s.Stable != nil {
			timed++
		}
	}
	return n, timed, leaked
}

// TestRunSmall measures the reference enforcer from beginning to end.
func TestRunSmall(t *testing.T) {
	r, err := Run(t.Context(), inLab(t, small("reference", enforcer(t))))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Turn.Void) > 0 {
		t.Errorf("the turn is void: %v", r.Turn.Void)
	}
	for _, tc := range []struct {
		kind  string
		pairs int // in all samples
	}{
		{v1.Floor, 3},
		{v1.PolicyCreate, 3 * 4},
		{v1.PolicyDelete, 3 * 4},
		{v1.IPBlockEdit, 6 * 4},
		{v1.Revoke, 3 * 4},
		{Grant, 3 * 4},
		{v1.LabelChange, 6 * 2},
		{v1.PodCreate, 3 * 2},
		{PodDelete, 3 * 2},
		{NewPod, 2},
		{Restart, 6},
		{StateCreate, 2},
		{StateDelete, 2},
	} {
		n, timed, leaked := r.count(tc.kind)
		if n != tc.pairs || timed == 0 {
			t.Errorf("%s: %d samples of pairs, %d with a time, want %d", tc.kind, n, timed, tc.pairs)
		}
		if leaked != 0 {
			t.Errorf("%s: %d packets leaked", tc.kind, leaked)
		}
	}
	for _, s := range r.Samples {
		if s.Transition == v1.PolicyCreate && (s.Seen == nil || *s.Seen < s.Call || *s.Commit < *s.Seen) {
			t.Errorf("the enforcer does not tell of %+v", s)
		}
	}
	for _, phase := range v1.Phases() {
		for _, name := range []string{v1.RSS, v1.HWM, "pss", "go-heap", "ipset", "api-received", "api-requests"} {
			if !slices.ContainsFunc(r.Readings, func(g v1.Reading) bool { return g.Phase == phase && g.Name == name && g.Value > 0 }) {
				t.Errorf("no reading of %s in phase %s", name, phase)
			}
		}
	}
}

// value is a reading of a phase, the last if there are several.
func (r *Result) value(t *testing.T, phase, name string) float64 {
	t.Helper()
	for _, g := range slices.Backward(r.Readings) {
		if g.Phase == phase && g.Name == name {
			return g.Value
		}
	}
	t.Errorf("no reading of %s in phase %s", name, phase)
	return 0
}

// TestFootprint measures what an agent costs and nothing else.
func TestFootprint(t *testing.T) {
	cfg := small("reference", enforcer(t))
	cfg.Footprint, cfg.Profile.Pods = true, 1000
	cfg.Profile.Nodes, cfg.Profile.Namespaces, cfg.Profile.Policies = 20, 10, 50
	r, err := Run(t.Context(), inLab(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Turn.Void) > 0 || len(r.Samples) > 0 {
		t.Errorf("void for %v, %d samples", r.Turn.Void, len(r.Samples))
	}
	const mib = 1 << 20
	start := func(name string) float64 { return r.value(t, v1.PhaseColdStart, name) }
	churn := func(name string) float64 { return r.value(t, v1.PhasePodChurn, name) }
	if hwm, rss, heap := start(v1.HWM), start(v1.RSS), start("go-heap"); hwm < rss || rss < 5*mib || hwm > 64*mib || churn(v1.HWM) < hwm || heap <= 0 || heap > hwm {
		t.Errorf("memory can't be: VmHWM %.0f, later %.0f, VmRSS %.0f, heap %.0f", hwm, churn(v1.HWM), rss, heap)
	}
	if sets, entries := start("ipsets"), start("ipset-entries"); sets == 0 || entries < 100 || start("ipset") < entries || start("iptables-rules") == 0 {
		t.Errorf("in the kernel: %g sets, %g entries, %g bytes, %g rules", sets, entries, start("ipset"), start("iptables-rules"))
	}
	if start("start") <= 0 || start("cpu-total") <= 0 || churn("cpu-total") <= start("cpu-total") {
		t.Errorf("start took %g s and %g s of processor, %g after the churn", start("start"), start("cpu-total"), churn("cpu-total"))
	}
	if churn(v1.CPUShare) <= 0 || churn(v1.Events) <= 0 || churn(v1.EventsWanted) != 30 || churn("syncs") <= 0 {
		t.Errorf("churn of %g events/s took %g %% of a core in %g syncs", churn(v1.Events), churn(v1.CPUShare), churn("syncs"))
	}
}

// least is the shortest time after the call of a kind of change, in milliseconds: what other
// work on the machine adds is not in it.
func least(t *testing.T, r *Result, kind string, want string) float64 {
	t.Helper()
	var all []float64
	for _, s := range r.Samples {
		if s.Transition == kind && s.Want == want && s.Stable != nil {
			all = append(all, *s.Stable-s.Call)
		}
	}
	if len(all) == 0 {
		t.Fatalf("no sample of %s", kind)
	}
	return slices.Min(all)
}

// oneAfterTheOther has engines make changes in one lab, each beginning with what the one
// before left in the kernel, and gives what was seen of each.
func oneAfterTheOther(t *testing.T, all ...engines.Engine) map[string]*Result {
	t.Helper()
	cfg := inLab(t, small("", all[0]))
	cfg.Samples, cfg.NewPods = 6, 0
	rec := newRecorder(&cfg)
	before := rec.Result
	out := map[string]*Result{}
	err := runPhases(t.Context(), cfg, rec, func(e *env) []phase {
		list := phases(e)[:needed-1]
		for _, engine := range all {
			list = append(list, phase{engine.Name(), successor{e, engine, out}})
		}
		return list
	})
	if err != nil {
		t.Fatal(err)
	}
	if !before.Controls.NullConvicted || !before.Controls.Floor {
		t.Errorf("the controls did not hold: %+v", before.Controls)
	}
	return out
}

// successor puts an engine in the place of the one before and has it make changes. Its results
// are its own.
type successor struct {
	*env
	engine engines.Engine
	out    map[string]*Result
}

func (p successor) Execute(ctx context.Context) error {
	u := p.env.engine
	if err := u.Stop(ctx); err != nil {
		return err
	}
	p.rec.Result = &Result{Turn: v1.Turn{Started: p.rec.Turn.Started}}
	p.out[p.engine.Name()] = p.rec.Result
	u.Engine, u.timing.Deadline = p.engine, 20*time.Second
	if _, null := p.engine.(none.Engine); null {
		u.timing.Deadline = time.Second
	}
	samples := p.cfg.Samples
	return perform(ctx, p.rec, []phase{
		{"baseline", baseline{p.traffic, ctx}},
		{"policy create and delete", policyCreation{p.traffic, samples}},
		{"revoke and grant", revocation{p.traffic, samples}},
	}, nil)
}

// sinceClosed is how long after the last opening that a change brought its flows were seen to be
// denied for good, in milliseconds: the least of a kind of change. What was seen within a leak's
// time after the call is an error.
func sinceClosed(t *testing.T, r *Result, kind string, leak time.Duration, openings []flawed.Opening) float64 {
	t.Helper()
	var all []float64
	for _, s := range r.Samples {
		if s.Transition != kind || s.Want != "deny" || s.Stable == nil {
			continue
		}
		if took := *s.Stable - s.Call; took < ms(leak) {
			t.Errorf("%s: denied for good after %.1f ms, in a leak of %s", kind, took, leak)
		}
		closed := s.Call
		for _, o := range openings {
			if ms(o.Opened.Sub(r.Turn.Started)) <= *s.Stable { // an earlier change may have opened it
				closed = max(closed, ms(o.Closed.Sub(r.Turn.Started)))
			}
		}
		all = append(all, *s.Stable-closed)
	}
	if len(all) == 0 {
		t.Fatalf("no sample of %s", kind)
	}
	return slices.Min(all)
}

// TestFlawsAreMeasured: of an engine that does nothing, no deny ever becomes true; one that
// is told of everything 100 ms late, and one that opens everything for 300 ms at each
// change, are measured as such. Changes that follow each other keep the latter open for longer: it
// says for how long it was.
func TestFlawsAreMeasured(t *testing.T) {
	open := &flawed.Engine{Label: "leaky", Inner: enforcer(t), Leak: 300 * time.Millisecond}
	seen := oneAfterTheOther(t,
		none.Engine{},
		enforcer(t),
		&flawed.Engine{Label: "late", Inner: enforcer(t), Delay: 100 * time.Millisecond},
		open)
	if n, timed, _ := seen["none"].count(v1.PolicyCreate); n == 0 || timed != 0 {
		t.Errorf("the null engine: %d samples of a new policy, %d in time", n, timed)
	}
	right, late, leaky := seen["reference"], seen["late"], seen["leaky"]
	const tolerance = 60 // ms: what the least of the samples may differ by on a busy machine
	for _, kind := range []struct {
		name string
		want string
	}{{v1.PolicyCreate, "deny"}, {v1.PolicyDelete, "allow"}, {v1.Revoke, "deny"}, {Grant, "allow"}} {
		base, got := least(t, right, kind.name, kind.want), least(t, late, kind.name, kind.want)
		t.Logf("%s: %.1f ms, late %.1f ms", kind.name, base, got)
		if got < 100 || got > base+100+tolerance {
			t.Errorf("%s: the late engine's least time is %.1f ms, the right one's %.1f ms: want 100 ms more", kind.name, got, base)
		}
	}
	for _, kind := range []string{v1.PolicyCreate, v1.Revoke} {
		base, got := least(t, right, kind, "deny"), sinceClosed(t, leaky, kind, open.Leak, open.Openings())
		t.Logf("%s: %.1f ms, %.1f ms after the leaky one's last opening", kind, base, got)
		if got > base+tolerance {
			t.Errorf("%s: the leaky engine denies %.1f ms after its last opening, the right one in %.1f ms", kind, got, base)
		}
	}
	if _, _, leaked := right.count(Beside); leaked != 0 {
		t.Errorf("%d packets leaked beside the right engine's changes", leaked)
	}
	if _, _, leaked := leaky.count(Beside); leaked == 0 {
		t.Error("no packet leaked beside the leaky engine's changes")
	}
}
