package compare

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

// side has ten repeats of values around the given medians, taken in turn with another's.
func side(turn int64, medians map[string]float64) Side {
	s := Side{Conditions: map[string]string{"profile": "smoke", "kernel": "6.18"}}
	for i := range int64(10) {
		s.Starts = append(s.Starts, time.Unix(2*i+turn, 0))
	}
	for _, name := range []string{"floor/p50", "policy-create/p50", "revoke/p50", "memory/hwm", "leak/packets"} {
		m := Metric{Engine: "reference", Name: name, Unit: Millis}
		switch name {
		case "memory/hwm":
			m.Unit = v1.UnitBytes
		case "leak/packets":
			m.Unit = Packets
		}
		for i := range 10 {
			m.Values = append(m.Values, medians[name]*(1+0.002*float64((i*7+int(turn))%10)))
		}
		s.Metrics = append(s.Metrics, m)
	}
	return s
}

func usual() map[string]float64 {
	return map[string]float64{"floor/p50": 2, "policy-create/p50": 45, "revoke/p50": 40, "memory/hwm": 40 << 20}
}

func changed(name string, v float64) map[string]float64 {
	m := usual()
	m[name] = v
	return m
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		name   string
		head   map[string]float64
		spoil  func(base, head *Side, o *Options)
		want   Conclusion
		reason string
	}{
		{name: "equal", head: usual(), want: NoChange},
		{name: "slower", head: changed("revoke/p50", 48), want: Regression, reason: "reference revoke/p50: +20.0 %"},
		{name: "faster", head: changed("revoke/p50", 32), want: Improvement, reason: "reference revoke/p50: -20.0 %"},
		{name: "one faster, one larger", head: map[string]float64{"floor/p50": 2, "policy-create/p50": 20, "revoke/p50": 40, "memory/hwm": 50 << 20}, want: Regression, reason: "reference memory/hwm: +25"},
		{name: "less than is worth a verdict", head: changed("revoke/p50", 41.5), want: NoChange},
		{name: "less than the method resolves", head: map[string]float64{"floor/p50": 2.5, "policy-create/p50": 45, "revoke/p50": 40, "memory/hwm": 40 << 20}, want: NoChange},
		{name: "leaks where none were", head: changed("leak/packets", 5), want: Regression, reason: "leak/packets: ∞"},
		{name: "the host changed", head: map[string]float64{"floor/p50": 6, "policy-create/p50": 60, "revoke/p50": 50, "memory/hwm": 40 << 20}, want: Void, reason: "the floor of the method moved"},
		{name: "other conditions", head: usual(), want: Void, reason: `kernel differs: base has "6.18", head has "7.0"`, spoil: func(_, h *Side, _ *Options) { h.Conditions["kernel"] = "7.0" }},
		{name: "a condition that one lacks", head: usual(), want: Void, reason: `profile differs: base has "smoke", head has ""`, spoil: func(_, h *Side, _ *Options) { delete(h.Conditions, "profile") }},
		{name: "a metric that one lacks", head: usual(), want: Void, reason: "reference policy-create/p50: only base has it", spoil: func(_, h *Side, _ *Options) { h.Metrics = append(h.Metrics[:1], h.Metrics[2:]...) }},
		{name: "too few repeats", head: usual(), want: Void, reason: "reference revoke/p50: head has 9 repeats, give at least 10", spoil: func(_, h *Side, _ *Options) { h.Metrics[2].Values = h.Metrics[2].Values[:9] }},
		{name: "nothing", head: usual(), want: Void, reason: "nothing to compare", spoil: func(b, h *Side, _ *Options) { b.Metrics, h.Metrics = nil, nil }},
		{name: "one after the other", head: usual(), want: Void, reason: "repeats were not taken in turn", spoil: func(_, h *Side, _ *Options) {
			for i := range h.Starts {
				h.Starts[i] = h.Starts[i].Add(time.Hour)
			}
		}},
		{name: "one after the other, accepted", head: usual(), want: NoChange, spoil: func(_, h *Side, o *Options) { h.Starts, o.Sequential = nil, true }},
		{name: "beyond the deadline", head: changed("revoke/p50", math.Inf(1)), want: Regression, reason: "revoke/p50: ∞"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			base, head, o := side(0, usual()), side(1, tc.head), DefaultOptions()
			if tc.spoil != nil {
				tc.spoil(&base, &head, &o)
			}
			r := Compare(base, head, o)
			if r.Conclusion != tc.want || !strings.Contains(strings.Join(r.Reasons, "\n"), tc.reason) {
				t.Errorf("%s %q, want %s %q", r.Conclusion, r.Reasons, tc.want, tc.reason)
			}
		})
	}
}

func TestASideEqualsItself(t *testing.T) {
	s := side(0, usual())
	r := Compare(s, s, DefaultOptions())
	if r.Conclusion != NoChange {
		t.Errorf("%s: %q", r.Conclusion, r.Reasons)
	}
	for _, row := range r.Rows {
		if row.Ratio.Value != 1 || row.Delta != 0 || row.P < 1 && !row.control() {
			t.Errorf("%+v", row)
		}
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	for _, head := range []map[string]float64{usual(), changed("policy-create/p50", 54), changed("revoke/p50", math.Inf(1)), changed("floor/p50", 9)} {
		r := Compare(side(0, usual()), side(1, head), DefaultOptions())
		if err := r.Text(&b, "results/a", "results/b"); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	}
	golden.Check(t, "testdata/compare.txt", b.String())
}

func TestBench(t *testing.T) {
	s := side(0, changed("revoke/p50", math.Inf(1)))
	for i := range s.Metrics {
		s.Metrics[i].Values = s.Metrics[i].Values[:2]
	}
	var b strings.Builder
	if err := WriteBench(&b, s); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/bench.txt", b.String())
	got, err := ReadBench(strings.NewReader(b.String()), "base")
	if err != nil {
		t.Fatal(err)
	}
	s.Starts = nil
	near := cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-9*math.Abs(a) })
	if diff := cmp.Diff(s, got, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadBenchRefuses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "has no benchmark"},
		{"BenchmarkFoo-2 1 3 ns/op\n", "is none of a scale run"},
		{"BenchmarkScale/engine=a 1 3 ms\n", "is none of a scale run"},
		{"BenchmarkScale/engine=a/b 1 3 ms 4 B\n", "one value and its unit"},
		{"BenchmarkScale/engine=a/b 1 NaN ms\n", "no number"},
		{"BenchmarkScale/engine=a/b 1 x ms\n", "bench.txt:1"},
		{"BenchmarkScale/engine=a/b 1 1 ms\nBenchmarkScale/engine=a/b 1 1 B\n", "bench.txt:2: unit B here and ms above"},
		{"seed: 1\nBenchmarkScale/engine=a/b 1 1 ms\nseed: 2\nBenchmarkScale/engine=a/b 1 1 ms\n", `bench.txt:4: seed is "2" here and "1" above`},
	} {
		if _, err := ReadBench(strings.NewReader(tc.text), "bench.txt"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %q", tc.text, err, tc.want)
		}
	}
}

func FuzzReadBench(f *testing.F) {
	f.Add("seed: 1\n\nBenchmarkScale/engine=a/b 1 0.5 sec/op\nBenchmarkScale/engine=a/b 1 +Inf sec/op\n")
	f.Add("Unit B better=lower\nBenchmarkScale/engine=a/b/c 1 7 B\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ReadBench(strings.NewReader(text), "x")
		if err != nil {
			return
		}
		r := Compare(s, s, Options{Alpha: 0.01, Sequential: true})
		if r.Conclusion != NoChange {
			t.Errorf("%q: a side is not itself: %s %q", text, r.Conclusion, r.Reasons)
		}
	})
}
