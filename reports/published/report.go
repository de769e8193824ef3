package published

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	v1 "github.com/netassay/netassay/reports/v1"
)

// What each file says that it is.
const (
	APIVersion = "netassay.dev/published/v1"
	Kind       = "EngineReport"
)

// Report is one file: what is known of one version of an engine in one kind of place.
type Report struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	Implementation Implementation `json:"implementation"`
	// Mode is where it ran: lab, kind or existing.
	Mode        string       `json:"mode"`
	Conformance *Conformance `json:"conformance,omitempty"`
	Scale       *Scale       `json:"scale,omitempty"`
}

// Implementation is who was tested.
type Implementation struct {
	Engine  string `json:"engine"`
	Version string `json:"version"`
	URL     string `json:"url"` // of the project
}

// Run are the conditions of one run.
type Run struct {
	Netassay   string    `json:"netassay"` // version of the tool
	ID         string    `json:"id,omitempty"`
	Date       time.Time `json:"date"`
	Seconds    float64   `json:"seconds"`
	Kubernetes string    `json:"kubernetes"`
	Kernel     string    `json:"kernel"`
	// Under is what else is to be known: the machine, its load, what was left out and why.
	Under string `json:"under"`
	// Reproduce are the commands that do it again.
	Reproduce []string `json:"reproduce"`
	// CI is where the run can be looked at, empty when it was nobody's CI.
	CI string `json:"ci,omitempty"`
}

// Conformance is the profile of the suite.
type Conformance struct {
	Run
	Result      v1.Verdict `json:"result"`
	Families    []string   `json:"families"`
	Lacks       []string   `json:"lacks,omitempty"` // what the engine declares, with the reasons
	Statistics  Statistics `json:"statistics"`
	Supported   []string   `json:"supportedFeatures,omitempty"`
	Unsupported []string   `json:"unsupportedFeatures,omitempty"`
	Failed      []Failed   `json:"failedFeatures,omitempty"`
	Undecided   []string   `json:"undecidedFeatures,omitempty"` // no case of it was conclusive
	FailedCases []string   `json:"failedCases,omitempty"`
}

// Statistics count cases, and cells of them.
type Statistics struct {
	Cases        int  `json:"cases"`
	Of           int  `json:"of"` // that there were; more than cases when a part was played
	Passed       int  `json:"passed"`
	Failed       int  `json:"failed"`
	NotSupported int  `json:"notSupported"`
	Skipped      int  `json:"skipped"`
	Inconclusive int  `json:"inconclusive"` // errors and unfinished ones among them
	Cells        int  `json:"cells"`
	Leaks        int  `json:"leaks"`
	Outages      int  `json:"outages"`
	Sentinels    bool `json:"sentinelsHeld"` // no flow that was watched all through the run went wrong
	// ConvergenceP50 and ConvergenceP99 are in milliseconds from the answer of the API server; of
	// cells that a step changed. null: there is none, or it is beyond the deadline.
	ConvergenceP50 *float64 `json:"convergenceP50Ms"`
	ConvergenceP99 *float64 `json:"convergenceP99Ms"`
}

// Failed is a feature that an engine has, and fails cases of.
type Failed struct {
	Feature string `json:"feature"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
}

// Scale is the profile of a scale run.
type Scale struct {
	Run
	Result      v1.Verdict   `json:"result"`
	Load        string       `json:"load"` // the line that reproduces it
	Repeats     int          `json:"repeats"`
	DeadlineMs  float64      `json:"deadlineMs"`
	Transitions []Transition `json:"transitions"`
	Memory      []Memory     `json:"memory"`
}

// Transition are the figures of one kind of change. Times are in milliseconds from the answer of
// the API server until the slowest pair is right; null is beyond the deadline, or no sample.
type Transition struct {
	Name   string   `json:"name"`
	N      int      `json:"changes"`
	P50    *float64 `json:"p50Ms"`
	P99    *float64 `json:"p99Ms"`
	Max    *float64 `json:"maxMs"`
	Leaked uint64   `json:"leakedPackets"`
}

// Memory is a reading in bytes over the phases; null where it was not taken.
type Memory struct {
	Name    string   `json:"name"`
	Empty   *float64 `json:"emptyBytes"`
	Loaded  *float64 `json:"loadedBytes"`
	Deleted *float64 `json:"deletedBytes"`
	Highest *float64 `json:"highestBytes"`
}

// File is the name of the report's file.
func (r *Report) File() string {
	plain := func(s string) string {
		return strings.Map(func(c rune) rune {
			if strings.ContainsRune("/\\: ", c) {
				return '-'
			}
			return c
		}, s)
	}
	return fmt.Sprintf("%s-%s-%s.yaml", plain(r.Implementation.Engine), plain(r.Implementation.Version), plain(r.Mode))
}

// Encode is the report as a file. One that Check refuses is not written.
func Encode(r *Report) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	return text, nil
}

// Parse reads a report. It refuses fields that it does not know, and what Check refuses.
func Parse(text []byte) (*Report, error) {
	var r Report
	if err := yaml.UnmarshalStrict(text, &r); err != nil {
		return nil, errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	return &r, r.Check()
}

// Check says what a report lacks, naming the field and the cure.
func (r *Report) Check() error {
	i := r.Implementation
	for _, f := range []struct{ field, value, cure string }{
		{"apiVersion", must(r.APIVersion == APIVersion), "write " + APIVersion},
		{"kind", must(r.Kind == Kind), "write " + Kind},
		{"implementation.engine", i.Engine, "name the engine"},
		{"implementation.version", i.Version, "say which version ran"},
		{"implementation.url", i.URL, "say where the project is"},
		{"mode", must(slices.Contains([]string{"lab", "kind", "existing"}, r.Mode)), "write lab, kind or existing"},
		{"conformance and scale", must(r.Conformance != nil || r.Scale != nil), "publish one of the two at least"},
	} {
		if f.value == "" {
			return fmt.Errorf("%s is missing or unknown: %s", f.field, f.cure)
		}
	}
	if c := r.Conformance; c != nil {
		if err := c.check("conformance", c.Result); err != nil {
			return err
		}
	}
	if s := r.Scale; s != nil {
		return s.check("scale", s.Result)
	}
	return nil
}

func must(ok bool) string {
	if ok {
		return "yes"
	}
	return ""
}

func (r *Run) check(profile string, result v1.Verdict) error {
	switch {
	case len(r.Reproduce) == 0 || slices.Contains(r.Reproduce, ""):
		return fmt.Errorf("%s.reproduce is missing or has an empty line: give the commands by which anybody can see this again", profile)
	case r.Under == "":
		return fmt.Errorf("%s.under is missing: say what machine it was, and what else was at work on it", profile)
	case r.Date.IsZero() || r.Netassay == "" || r.Kubernetes == "" || r.Kernel == "":
		return fmt.Errorf("%s lacks date, netassay, kubernetes or kernel: publish a run that has them", profile)
	case result != v1.VerdictPass && result != v1.VerdictFail:
		return fmt.Errorf("%s.result is %q: a run that says nothing about the engine is not published", profile, result)
	}
	return nil
}

// Sort puts reports in the order of tables: by engine, mode, version.
func Sort(all []*Report) {
	slices.SortFunc(all, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Implementation.Engine, b.Implementation.Engine),
			cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Implementation.Version, b.Implementation.Version))
	})
}

// order puts the reference before those that are judged against it.
func order(r *Report) int {
	if r.Implementation.Engine == "reference" {
		return 0
	}
	return 1
}
