package published

import (
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Said is what a run does not know of itself.
type Said struct {
	URL       string
	Under     string
	Reproduce []string
	CI        string
}

// OfSuite makes a report from a run of the suite. of is how many cases there were to play.
func OfSuite(run *v1.Run, of int, said Said) *Report {
	f := run.Figures()
	r := blank(run.Engine, run.EngineVersion, run.Tool, run.Cluster, said.URL)
	c := &Conformance{
		Run:    said.about(run.Tool, run.ID, run.Kubernetes, run.Kernel, run.Started, run.Finished),
		Result: run.Verdict(), Families: run.Families, Lacks: run.Lacks,
		Statistics: Statistics{
			Cases: f.Cases, Of: of, Passed: f.Passed, Failed: f.Failed, NotSupported: f.NotSupported, Skipped: f.Skipped,
			Inconclusive: f.Inconclusive + f.Errors + f.Unfinished, Cells: f.Cells, Leaks: f.Leaks, Outages: f.Outages,
			Sentinels:      run.Sentinel != nil && run.Sentinel.Outcome == v1.Pass,
			ConvergenceP50: f.ConvergenceP50, ConvergenceP99: f.ConvergenceP99,
		},
	}
	for i := range run.Cases {
		if run.Cases[i].Outcome == v1.Fail {
			c.FailedCases = append(c.FailedCases, run.Cases[i].Name)
		}
	}
	c.features(run)
	r.Conformance = c
	return r
}

// about is what was said, with what a run knows of itself.
func (s Said) about(tool, id, kubernetes, kernel string, started, finished time.Time) Run {
	return Run{
		Netassay: tool, ID: id, Date: started, Seconds: finished.Sub(started).Round(time.Second / 10).Seconds(),
		Kubernetes: kubernetes, Kernel: kernel, Under: s.Under, Reproduce: s.Reproduce, CI: s.CI,
	}
}

func blank(engine, version, tool, cluster, url string) *Report {
	if version == "" {
		version = tool // the engine comes with netassay
	}
	mode, _, _ := strings.Cut(cluster, ":")
	return &Report{APIVersion: APIVersion, Kind: Kind, Implementation: Implementation{Engine: engine, Version: version, URL: url}, Mode: mode}
}

// features sorts the features of all cases by what became of these.
func (c *Conformance) features(run *v1.Run) {
	counts := map[string]map[v1.Outcome]int{}
	for i := range run.Cases {
		for _, f := range run.Cases[i].Features {
			if counts[f] == nil {
				counts[f] = map[v1.Outcome]int{}
			}
			counts[f][run.Cases[i].Outcome]++
		}
	}
	for _, f := range slices.Sorted(maps.Keys(counts)) {
		switch n := counts[f]; {
		case n[v1.Fail] > 0:
			c.Failed = append(c.Failed, Failed{Feature: f, Passed: n[v1.Pass], Failed: n[v1.Fail]})
		case n[v1.Pass] > 0:
			c.Supported = append(c.Supported, f)
		case n[v1.NotSupported] > 0:
			c.Unsupported = append(c.Unsupported, f)
		default:
			c.Undecided = append(c.Undecided, f)
		}
	}
}

// OfScale makes a report of one engine from a scale run and its figures.
func OfScale(run *v1.ScaleRun, verdict v1.Verdict, e *v1.EngineSummary, said Said) *Report {
	r := blank(e.Engine, e.Version, run.Tool, run.Cluster, said.URL)
	s := &Scale{
		Run:    said.about(run.Tool, run.ID, run.Kubernetes, run.Kernel, run.Started, run.Finished),
		Result: verdict, Load: run.Profile, Repeats: e.Repeats, DeadlineMs: run.Timing.Deadline,
	}
	for _, t := range e.Transitions {
		s.Transitions = append(s.Transitions, Transition{Name: t.Transition, N: t.N, P50: t.P50.Value, P99: t.P99.Value, Max: t.Max.Value, Leaked: t.LeakPackets})
	}
	for i := range e.Memory {
		if row := &e.Memory[i]; row.Unit == v1.UnitBytes {
			s.Memory = append(s.Memory, Memory{Name: row.Name, Empty: row.At(v1.PhaseBaseline), Loaded: row.At(v1.PhaseLoaded), Deleted: row.At(v1.PhaseDeleted), Highest: highest(row)})
		}
	}
	r.Scale = s
	return r
}

// highest is the largest of a row's phases that are compared.
func highest(row *v1.MemoryRow) (most *float64) {
	for _, phase := range v1.ComparedPhases() {
		if v := row.At(phase); v != nil && (most == nil || *v > *most) {
			most = v
		}
	}
	return most
}

// Merge puts what another report of the same engine, version and place has into this one.
func (r *Report) Merge(other *Report) {
	if other.Conformance != nil {
		r.Conformance = other.Conformance
	}
	if other.Scale != nil {
		r.Scale = other.Scale
	}
}
