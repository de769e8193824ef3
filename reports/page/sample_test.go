package page

import (
	"fmt"
	"math/rand/v2"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// begun is when made-up runs began.
var begun = time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)

// sample makes up a conformance run: so many cells in cases of three steps, of which the share
// bad went wrong. Equal arguments make equal runs.
func sample(cells int, bad float64) *v1.Run {
	r := rand.New(rand.NewPCG(1, 2))
	ready, p50, p99 := 4.2, 0.8, 36.7
	run := &v1.Run{RunConditions: v1.RunConditions{
		Schema: v1.Schema, ID: "df248c", Tool: "b9822e0", Cluster: "lab", Engine: "reference", Kubernetes: "v1.37.2", Kernel: "6.18.44",
		Nodes: 3, Families: []string{"IPv4", "IPv6"}, Seed: 7, Parallel: 4, Paths: "pairwise",
		Timing:  v1.Timing{Timeout: 400, Silence: 400, Hold: 400, Deadline: 10000, RoundEvery: 400, FastEvery: 20},
		Started: begun, Finished: begun.Add(5 * time.Minute), LabReady: &ready,
	}}
	areas := []string{"ipblock", "peer", "port", "egress", "update", "isolation", "label", "sctp", "service", "node"}
	features := []string{"Ingress", "Egress", "IPBlock", "EndPort", "NamedPort", "PolicyUpdate"}
	for n := 0; cells > 0; n++ {
		area := areas[n%len(areas)]
		c := v1.Case{
			Name: fmt.Sprintf("%s-case-%03d", area, n), Title: "Pods of another namespace reach a port that a rule names, and no other",
			Spec:     "This field is beta-level and is honored by servers: if it is empty or missing, this rule matches all ports.",
			Features: []string{features[n%6], features[(n+1)%6]}, Outcome: v1.Pass, FixtureSet: "a", Seconds: 1.5 + r.Float64(),
		}
		run.Order = append(run.Order, c.Name)
		for _, name := range []string{"deny", "one peer is allowed", "the policy is gone"} {
			s := sampleStep(r, c.Name, name, min(cells, 26*3), bad)
			s.At = begun.Add(time.Duration(n%150)*2*time.Second + time.Duration(len(c.Steps))*1500*time.Millisecond)
			cells -= len(s.Cells)
			if s.Outcome == v1.Fail {
				c.Outcome, c.Reason = v1.Fail, fmt.Sprintf("step %q: %s", s.Name, s.Reason)
			}
			c.Steps = append(c.Steps, s)
		}
		run.Cases = append(run.Cases, c)
	}
	run.Sentinel = &v1.Sentinel{
		Outcome: v1.Pass, Flows: 4, Seconds: 299.2, IntervalMS: 1,
		Tally: v1.Tally{UDP: v1.Counts{MustDrop: 482657, MustPass: 516593}, TCP: v1.Counts{MustDrop: 6320, MustPass: 5934}},
		Findings: []v1.Finding{{
			Phase: "steady", Flow: "sentinels/client -> sentinels/friend", Protocol: "UDP", What: "lost", Count: 3, From: time.Hour, To: time.Hour + 2*time.Second, At: begun.Add(100 * time.Second),
			During: []v1.Activity{{Case: "update-case-004", Step: "deny"}},
		}},
		Floor: v1.NoiseFloor{Sent: 516698, Connections: 5966, DelayP50: &p50, DelayP99: &p99, DelayMax: &p99},
	}
	return run
}

func sampleStep(r *rand.Rand, caseName, name string, cells int, bad float64) v1.Step {
	s := v1.Step{Name: name, Outcome: v1.Pass, AckMS: 12.5, Millis: 1300 + 100*r.Float64(), Rounds: 4, Probes: 5 * cells}
	pods := []string{"x/a", "x/b", "x/c", "y/a", "y/b", "y/c", "z/a", "z/b", "z/c"}
	wrong := 0
	for i := range cells {
		pair := i % 81
		c := v1.Cell{
			Case: caseName, Step: name, Client: pods[pair/9], Server: pods[pair%9], Path: "pod", Family: []string{"IPv4", "IPv6"}[i%2],
			Protocol: []string{"TCP", "TCP", "UDP"}[i%3], Port: []uint16{80, 81, 80}[i%3], Want: "Allow", Seen: "Connected", Evidence: fmt.Sprintf("Connected in %.1f ms", r.Float64()),
			Outcome: v1.Pass, Probes: 3 + r.IntN(5),
		}
		if pair%9 == 1 && name != "the policy is gone" {
			c.Want, c.Seen = "Deny", "Dropped"
		}
		if c.Client == c.Server {
			c.Want, c.Outcome, c.Observed = "Undefined", v1.Skipped, v1.ObservedAllow
		}
		if i%7 == 0 && c.Want != "Undefined" {
			first := 20 + 100*r.ExpFloat64()
			stable, resolution := first+20*r.Float64(), 60+10*r.Float64()
			c.Changed, c.FirstRight, c.Stable, c.Resolution = true, &first, &stable, &resolution
		}
		c.Course = sampleCourse(r, &c)
		if r.Float64() < bad && c.Want != "Undefined" {
			spoil(&c)
			wrong++
		}
		s.Cells = append(s.Cells, c)
	}
	if wrong > 0 {
		s.Outcome, s.Reason = v1.Fail, fmt.Sprintf("%d of %d cells, first x/a -> x/b 80/TCP IPv4 by pod: wants Deny", wrong, cells)
	}
	return s
}

// sampleCourse is what a run tells of each probe: no two cells have the same.
func sampleCourse(r *rand.Rand, c *v1.Cell) string {
	seen := map[string]string{"Connected": "c", "Dropped": "d"}[c.Seen]
	from := r.IntN(400)
	if !c.Changed {
		return fmt.Sprintf("%d+%s@%d..%d", c.Probes, seen, -from/30, 900+from)
	}
	return fmt.Sprintf("%d-%s@0..%d %d+%s@%d..%d", 1+r.IntN(5), map[string]string{"c": "d", "d": "c"}[seen], int(*c.FirstRight)-10, c.Probes, seen, int(*c.FirstRight), 900+from)
}

// spoil makes a cell wrong.
func spoil(c *v1.Cell) {
	c.Outcome, c.Kind, c.Seen = v1.Fail, v1.Outage, "Dropped"
	if c.Want == "Deny" {
		c.Kind, c.Seen = v1.Leak, "Connected"
	}
	c.FirstRight, c.Stable, c.Resolution = nil, nil, nil
	c.Reason = fmt.Sprintf("wants %s, still %s 10012.5 ms after the ack (41 of 41 probes wrong)", c.Want, c.Seen)
	c.Evidence = c.Seen + " in 0.4 ms, answered by x/b, received by the server"
	c.Because = "the policy x/deny selects the pod and has no rule"
	c.Flips = 1
}
