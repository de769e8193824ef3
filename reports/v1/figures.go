package v1

import (
	"math"
	"slices"
)

// Summary is summary.json: the verdict and the figures of a run.
type Summary struct {
	Schema  string  `json:"schema"`
	Verdict Verdict `json:"verdict"`
	Figures Figures `json:"figures"`
	// Observed is what the API leaves undefined and was therefore not judged.
	Observed []Observed `json:"observed"`
}

// Figures are the numbers of a run. A number without a sample is null, never 0.
type Figures struct {
	Cases        int `json:"cases"`
	Passed       int `json:"passed"`
	Failed       int `json:"failed"`
	Inconclusive int `json:"inconclusive"`
	Skipped      int `json:"skipped"`
	NotSupported int `json:"not_supported"`
	Errors       int `json:"errors"`
	Unfinished   int `json:"unfinished"`

	Steps         int `json:"steps"`
	Cells         int `json:"cells"`
	CellsPassed   int `json:"cells_passed"`
	CellsFailed   int `json:"cells_failed"`
	CellsVoid     int `json:"cells_inconclusive"`
	CellsObserved int `json:"cells_observed"` // undefined: seen, not judged
	Leaks         int `json:"leaks"`
	Outages       int `json:"outages"`
	// Flips counts the cells that were right and then wrong again, whatever became of them.
	Flips  int `json:"flips"`
	Probes int `json:"probes"`
	// ProbesLate is by how much probes were sent late at most: what the harness itself lacked.
	ProbesLate float64 `json:"probes_late_max_ms"`

	CellsPerSecond  *float64 `json:"cells_per_second"`
	ImageSeconds    *float64 `json:"image_seconds"`   // see Run
	ClusterSeconds  *float64 `json:"cluster_seconds"` // see Run
	LabReadySeconds *float64 `json:"lab_ready_seconds"`
	RunSeconds      *float64 `json:"run_seconds"`

	// Sentinels' packets that had to be dropped or to pass; null without sentinels.
	SentinelMustDrop *uint64 `json:"sentinel_must_drop"`
	SentinelMustPass *uint64 `json:"sentinel_must_pass"`
	SentinelLeaked   *uint64 `json:"sentinel_leaked"` // new connections among them
	SentinelLost     *uint64 `json:"sentinel_lost"`
	// FloorLoss is the share of packets that was lost where no policy is.
	FloorLoss *float64 `json:"floor_loss"`
	// DeniedProbes are conclusive probes, each a new connection, of cells that had to be denied
	// all through a step. Of one that became denied, and stayed so, a single one counts: of the
	// others some came too early.
	DeniedProbes int `json:"denied_probes"`
	// DeniedConnections are these and the sentinels' new connections that had to be denied.
	DeniedConnections uint64 `json:"denied_connections"`
	// What share of leaks this run would have found with 95 % certainty: of new connections,
	// and of the sentinels' packets.
	DetectableConnections *float64 `json:"detectable_leak_connections"`
	DetectablePackets     *float64 `json:"detectable_leak_packets"`

	// Convergence is t_stable over the cells that a step changed, exact from the raw
	// samples (nearest rank). Cells that never became stable count as later than every
	// other (censored): a quantile that falls on one of them is null, and it is known
	// only to be above the deadline.
	ConvergenceN        int      `json:"convergence_n"`
	ConvergenceCensored int      `json:"convergence_censored"`
	ConvergenceP50      *float64 `json:"convergence_p50_ms"`
	ConvergenceP90      *float64 `json:"convergence_p90_ms"`
	ConvergenceP99      *float64 `json:"convergence_p99_ms"`
	ConvergenceMax      *float64 `json:"convergence_max_ms"`
	// Resolution is the median time between the last wrong probe and the first of the
	// stable right ones, over the cells that were seen wrong: the floor of the method.
	ResolutionN   int      `json:"resolution_n"`
	ResolutionP50 *float64 `json:"resolution_p50_ms"`
}

// Summary computes the verdict and the figures from the cases and the cells.
func (r *Run) Summary() Summary {
	return Summary{Schema: Schema, Verdict: r.Verdict(), Figures: r.Figures(), Observed: r.Observed()}
}

// Figures computes the figures from the cases and the cells.
func (r *Run) Figures() Figures {
	f := Figures{
		Cases:           len(r.Cases),
		Passed:          r.Count(Pass),
		Failed:          r.Count(Fail),
		Inconclusive:    r.Count(Inconclusive),
		Skipped:         r.Count(Skipped),
		NotSupported:    r.Count(NotSupported),
		Errors:          r.Count(Error),
		Unfinished:      r.Count(Unfinished),
		ImageSeconds:    r.ImageSeconds,
		ClusterSeconds:  r.ClusterSeconds,
		LabReadySeconds: r.LabReady,
	}
	var stable, resolution []float64
	for c := range r.EachCell {
		f.countCell(c)
		if s, ok := c.Convergence(); ok {
			stable = append(stable, s)
		}
		if c.Resolution != nil {
			resolution = append(resolution, *c.Resolution)
		}
	}
	for i := range r.Cases {
		f.Steps += len(r.Cases[i].Steps)
		for j := range r.Cases[i].Steps {
			f.Probes += r.Cases[i].Steps[j].Probes
			f.ProbesLate = max(f.ProbesLate, r.Cases[i].Steps[j].LateMS)
		}
	}
	f.setSentinel(r.Sentinel)
	f.setRates(r)
	f.setConvergence(stable)
	f.ResolutionN, f.ResolutionP50 = len(resolution), Quantile(resolution, 0.5)
	return f
}

func (f *Figures) countCell(c *Cell) {
	f.Cells++
	if c.Flips > 0 && c.Outcome != Skipped && c.Outcome != NotSupported {
		f.Flips++
	}
	switch c.Outcome {
	case Pass:
		f.CellsPassed++
	case Fail:
		f.CellsFailed++
	case Skipped, NotSupported:
		f.CellsObserved++
	case Inconclusive, Error, Unfinished:
		f.CellsVoid++
	}
	switch {
	case c.Want != "Deny":
	case !c.Changed:
		f.DeniedProbes += c.Probes
	case c.Stable != nil:
		f.DeniedProbes++
	}
	switch c.Kind {
	case Leak:
		f.Leaks++
	case Outage:
		f.Outages++
	}
}

func (f *Figures) setSentinel(s *Sentinel) {
	f.DeniedConnections = uint64(f.DeniedProbes)
	if s != nil {
		f.DeniedConnections += s.TCP.MustDrop
	}
	f.DetectableConnections = Detectable(f.DeniedConnections)
	if s == nil {
		return
	}
	leaked, lost := s.UDP.Leaked+s.TCP.Leaked, s.UDP.Lost+s.TCP.Lost
	f.SentinelMustDrop, f.SentinelMustPass, f.SentinelLeaked, f.SentinelLost = &s.UDP.MustDrop, &s.UDP.MustPass, &leaked, &lost
	if s.Floor.Sent > 0 {
		loss := float64(s.Floor.Lost) / float64(s.Floor.Sent)
		f.FloorLoss = &loss
	}
	f.DetectablePackets = Detectable(s.UDP.MustDrop)
}

func (f *Figures) setRates(r *Run) {
	seconds := r.Finished.Sub(r.Started).Seconds()
	if seconds <= 0 {
		return
	}
	f.RunSeconds = &seconds
	if f.Cells > 0 && len(r.Resumed) == 0 { // how long a killed run took is not known
		rate := float64(f.Cells) / seconds
		f.CellsPerSecond = &rate
	}
}

func (f *Figures) setConvergence(stable []float64) {
	f.ConvergenceN = len(stable)
	for _, s := range stable {
		if math.IsInf(s, 1) {
			f.ConvergenceCensored++
		}
	}
	f.ConvergenceP50 = Quantile(stable, 0.50)
	f.ConvergenceP90 = Quantile(stable, 0.90)
	f.ConvergenceP99 = Quantile(stable, 0.99)
	f.ConvergenceMax = Quantile(stable, 1)
}

// Convergence is the cell's sample, in milliseconds from the ack; a changed cell that
// conclusively never became stable is +Inf. An inconclusive cell says nothing and gives no sample.
func (c *Cell) Convergence() (float64, bool) {
	switch {
	case !c.Changed || (c.Outcome != Pass && c.Outcome != Fail):
		return 0, false
	case c.Stable != nil:
		return *c.Stable, true
	default:
		return math.Inf(1), true
	}
}

// EachCell yields every cell of the run in order.
func (r *Run) EachCell(yield func(*Cell) bool) {
	for i := range r.Cases {
		for j := range r.Cases[i].Steps {
			cells := r.Cases[i].Steps[j].Cells
			for k := range cells {
				if !yield(&cells[k]) {
					return
				}
			}
		}
	}
}

// Rank is the nearest rank of quantile q (0..1] among n, counted from 1: that of the smallest
// value that at least the share q of all is not above. It names a value that was seen; nothing
// is made up between two of them, so that it also means something when some are +Inf.
func Rank(n int, q float64) int {
	return min(max(int(math.Ceil(q*float64(n)-1e-9)), 1), n) // 0.07 * 100 is a little above 7
}

// Quantile is the exact nearest-rank quantile q (0..1] of samples, in any order. It is nil
// when there is no sample, or when the rank falls on +Inf, a censored one.
func Quantile(samples []float64, q float64) *float64 {
	if len(samples) == 0 {
		return nil
	}
	value := slices.Sorted(slices.Values(samples))[Rank(len(samples), q)-1]
	if math.IsInf(value, 1) {
		return nil
	}
	return &value
}
