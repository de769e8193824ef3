package v1

import "time"

// CheckRun is a run of the AKS check: its conditions and its steps.
type CheckRun struct {
	CheckConditions
	Steps []CheckStep `json:"steps,omitempty"`
}

// CheckConditions are what a run of the AKS check is made under.
type CheckConditions struct {
	Schema string `json:"schema"`
	ID     string `json:"id"`
	Tool   string `json:"tool"` // version of netassay
	// Command is what was typed to make the run, empty where nothing was, as under go test.
	Command  []string  `json:"command,omitempty"`
	Cluster  string    `json:"cluster"`
	Engine   string    `json:"engine"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Trouble is why the check could not be done; it then says nothing about the engine.
	Trouble string `json:"trouble,omitempty"`
}

// CheckStep is one line of the walkthrough and the evidence for it.
type CheckStep struct {
	Title    string  `json:"title"`              // what was done or expected
	Command  string  `json:"command,omitempty"`  // what was run in the client, empty for API writes
	Output   string  `json:"output,omitempty"`   // what it printed, trimmed
	OK       bool    `json:"ok"`                 // the expectation held, several times in a row
	Attempts int     `json:"attempts,omitempty"` // how often the command ran
	Seconds  float64 `json:"seconds"`            // from the step's start to its end
}

// Verdict is void when the check could not be done, or no command of it ran; fail when an
// expectation did not hold, pass when all did.
func (r *CheckRun) Verdict() Verdict {
	commands := 0
	for _, s := range r.Steps {
		if s.Command != "" {
			commands++
		}
		if !s.OK {
			return VerdictFail
		}
	}
	if r.Trouble != "" || commands == 0 {
		return VerdictVoid
	}
	return VerdictPass
}
