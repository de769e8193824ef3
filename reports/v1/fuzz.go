package v1

import "time"

// FuzzRun is a run of drawn cases: its conditions, the cases that were played, and those that
// an engine failed.
type FuzzRun struct {
	FuzzConditions
	Played []PlayedCase `json:"played,omitempty"`
	Found  []FoundCase  `json:"found,omitempty"`
	Notes  []string     `json:"notes,omitempty"`
}

// FuzzConditions are what drawn cases are played under.
type FuzzConditions struct {
	Schema string `json:"schema"`
	ID     string `json:"id"`
	Tool   string `json:"tool"` // version of netassay
	// Command is what was typed to make the run, empty where nothing was, as under go test.
	Command  []string  `json:"command,omitempty"`
	Cluster  string    `json:"cluster"`
	Engines  []string  `json:"engines"` // in the order in which they were played
	Seed     uint64    `json:"seed"`
	Seconds  float64   `json:"seconds"` // after which no case was begun
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Trouble is why the run could not go on.
	Trouble string `json:"trouble,omitempty"`
}

// PlayedCase is a drawn case, or a piece of a found one, that was played.
type PlayedCase struct {
	Engine  string  `json:"engine"`
	Name    string  `json:"name"`  // the seed, and the number of the case
	Steps   int     `json:"steps"` // that were judged
	Cells   int     `json:"cells"` // that were judged, in all steps
	Seconds float64 `json:"seconds"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // of what is not Pass
}

// FoundCase is a drawn case that an engine failed, as small as it could be made.
type FoundCase struct {
	Engine    string  `json:"engine"`
	Name      string  `json:"name"` // of the case as it was drawn
	File      string  `json:"file"` // of the smallest, in the result directory
	Wrong     string  `json:"wrong"`
	Confirmed bool    `json:"confirmed"` // it failed more than once
	Plays     int     `json:"plays"`     // to confirm and shrink it
	Seconds   float64 `json:"seconds"`   // the same
}

// Verdict is fail when an engine failed a case; void when the run could not go on, nothing was
// judged, a case was in error, or more than one of twenty was inconclusive.
func (r *FuzzRun) Verdict() Verdict {
	cells := 0
	for _, p := range r.Played {
		cells += p.Cells
	}
	switch {
	case len(r.Found) > 0:
		return VerdictFail
	case r.Trouble != "" || cells == 0 || r.Count(Error) > 0 || 20*r.Count(Inconclusive) > len(r.Played):
		return VerdictVoid
	}
	return VerdictPass
}

// Count is how many cases were played with outcome o.
func (r *FuzzRun) Count(o Outcome) int {
	n := 0
	for _, p := range r.Played {
		if p.Outcome == o {
			n++
		}
	}
	return n
}

// Add takes conditions, cases, what was found, notes, and the verdict, which follows from them.
func (r *FuzzRun) Add(record Record) error {
	switch v := record.(type) {
	case *FuzzConditions:
		r.FuzzConditions = *v
	case *PlayedCase:
		r.Played = append(r.Played, *v)
	case *FoundCase:
		r.Found = append(r.Found, *v)
	case *Note:
		r.Notes = append(r.Notes, v.Text)
	case *Conclusion:
	default:
		return misplaced(record, KindFuzz)
	}
	return nil
}

// FuzzSummary is the verdict of a run of drawn cases and its figures.
type FuzzSummary struct {
	Verdict        Verdict     `json:"verdict"`
	Seed           uint64      `json:"seed"`
	Engines        []string    `json:"engines"`
	Cases          int         `json:"cases"`
	Steps          int         `json:"steps"`
	Cells          int         `json:"cells"`
	Inconclusive   int         `json:"inconclusive"` // cases
	Seconds        float64     `json:"seconds"`      // from the first case to the last
	CellsPerSecond float64     `json:"cells_per_second"`
	Found          []FoundCase `json:"found,omitempty"`
}

// Summary adds up what was played.
func (r *FuzzRun) Summary() FuzzSummary {
	s := FuzzSummary{
		Verdict: r.Verdict(), Seed: r.Seed, Engines: r.Engines, Cases: len(r.Played), Inconclusive: r.Count(Inconclusive),
		Seconds: r.Finished.Sub(r.Started).Seconds(), Found: r.Found,
	}
	for _, p := range r.Played {
		s.Steps += p.Steps
		s.Cells += p.Cells
	}
	if s.Seconds > 0 {
		s.CellsPerSecond = float64(s.Cells) / s.Seconds
	}
	return s
}
