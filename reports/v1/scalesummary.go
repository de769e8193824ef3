package v1

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// ScaleSummary is summary.json of a scale run: all figures. A figure without a sample is null, never 0.
type ScaleSummary struct {
	Schema  string          `json:"schema"`
	Verdict Verdict         `json:"verdict"`
	Reasons []string        `json:"reasons"`
	Engines []EngineSummary `json:"engines"`
}

// EngineSummary are the figures of one engine.
type EngineSummary struct {
	Engine      string       `json:"engine"`
	Version     string       `json:"version"`
	Repeats     int          `json:"repeats"` // that count
	Void        []string     `json:"void"`    // one line for each that doesn't
	Lacks       []Lack       `json:"lacks,omitempty"`
	Floor       *Transition  `json:"floor"`
	Transitions []Transition `json:"transitions"`
	Edits       []EditRow    `json:"edits,omitempty"` // of runs that measure nothing else
	LeakPackets uint64       `json:"leak_packets"`
	LostPackets uint64       `json:"lost_packets"`
	Memory      []MemoryRow  `json:"memory"`
	Slopes      []Slope      `json:"slopes"`
	Costs       []Cost       `json:"costs"`
	Growth      []Growth     `json:"growth"`
}

// Transition are the figures of one transition: of changes, each as slow as its slowest
// pair. Figures count from the ack of the change and may be below 0.
type Transition struct {
	Transition string `json:"transition"`
	N          int    `json:"n"` // changes
	Pairs      int    `json:"pairs"`
	Censored   int    `json:"censored"`
	Void       int    `json:"void"`
	P50        Figure `json:"p50"`
	P90        Figure `json:"p90"`
	P99        Figure `json:"p99"`
	Max        Figure `json:"max"`
	// DueP99 counts from the time at which the change was to be made, call and answer of
	// the API server included; CallP99 from the call.
	DueP99  Figure `json:"due_p99"`
	CallP99 Figure `json:"call_p99"`
	// SeenP50 and CommitP50 are medians, from the ack, of when the engine says that it
	// heard of changes and was done with them; null when it doesn't tell.
	SeenP50   *float64 `json:"seen_p50_ms"`
	CommitP50 *float64 `json:"commit_p50_ms"`

	LeakPackets uint64  `json:"leak_packets"`
	LostPackets uint64  `json:"lost_packets"`
	LeakSeconds float64 `json:"leak_s"` // wrong-verdict-seconds, summed over pairs
	OutSeconds  float64 `json:"outage_s"`
}

// Figure is a quantile in milliseconds with its 95 % interval.
type Figure struct {
	Value *float64 `json:"ms"` // null: beyond Over
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`             // null: beyond Over
	Open  bool     `json:"open,omitempty"` // too few samples for an upper bound
	Over  *float64 `json:"over_ms,omitempty"`
}

// MemoryRow is one reading over the phases: medians of the repeats.
type MemoryRow struct {
	Name   string     `json:"name"`
	Unit   string     `json:"unit"`
	Phases []*float64 `json:"phases"` // as Phases orders them
	Return *float64   `json:"return"` // deleted to baseline
}

// At is the figure of a phase, nil when there is none.
func (row *MemoryRow) At(phase string) *float64 {
	if i := slices.Index(Phases(), phase); i >= 0 && i < len(row.Phases) {
		return row.Phases[i]
	}
	return nil
}

// Slope is the growth of a reading from cycle to cycle.
type Slope struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Slope   float64 `json:"per_cycle"`
	Lo      float64 `json:"lo"`
	Hi      float64 `json:"hi"`
	Level   float64 `json:"level"` // median over the cycles
	Cycles  int     `json:"cycles"`
	Differs bool    `json:"differs"` // from 0
}

// Cost is what one more of something costs, by regression over sizes.
type Cost struct {
	Name  string `json:"name"` // of the reading
	Unit  string `json:"unit"`
	Terms []Term `json:"terms"` // null when Why says so
	// R2 is the share of the variance that the terms explain, N the number of points.
	R2  float64 `json:"r2"`
	N   int     `json:"n"`
	Why string  `json:"why,omitempty"` // there are no terms
}

// Term is a coefficient with its 95 % interval.
type Term struct {
	Per   string  `json:"per"` // "pod", "policy", "CIDR"; "nothing" is the intercept
	Value float64 `json:"value"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
}

// Growth is the exponent of a cost in one dimension: 1 is proportional, 2 is four times
// the cost at twice the size.
type Growth struct {
	Name     string  `json:"name"`
	In       string  `json:"in"`
	Exponent float64 `json:"exponent"`
	Lo       float64 `json:"lo"`
	Hi       float64 `json:"hi"`
	R2       float64 `json:"r2"`
	N        int     `json:"n"`
}

// Grown is how one figure of an engine grows with the size of the load.
type Grown struct {
	Engine string
	Name   string
	Unit   string
	Values []*float64 // by size, nil where a run has none
	Growth *Growth
	Why    string // there is no Growth
}

// String is "12.3 [10.1, 15]".
func (f Figure) String() string {
	if f.Value == nil && f.Lo == nil && f.Over == nil {
		return "-"
	}
	high := f.ms(f.Hi)
	if f.Open {
		high = "…"
	}
	return fmt.Sprintf("%s [%s, %s]", f.ms(f.Value), f.ms(f.Lo), high)
}

// Bare is the value alone.
func (f Figure) Bare() string {
	if f.Value == nil && f.Over == nil {
		return "-"
	}
	return f.ms(f.Value)
}

func (f Figure) ms(v *float64) string {
	if v == nil {
		return fmt.Sprintf("> %g", *f.Over)
	}
	return fmt.Sprintf("%.1f", *v)
}

// Quantity is a number with its unit; bytes in the unit that leaves few digits.
func Quantity(v float64, unit string) string {
	if unit != UnitBytes {
		return strings.TrimSpace(fmt.Sprintf("%.4g %s", v, unit))
	}
	switch size := math.Abs(v); {
	case size >= 1<<30:
		return fmt.Sprintf("%.1f GiB", v/(1<<30))
	case size >= 1<<20:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	case size >= 1<<10:
		return fmt.Sprintf("%.1f KiB", v/(1<<10))
	default:
		return fmt.Sprintf("%.1f B", v)
	}
}
