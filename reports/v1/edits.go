package v1

import "fmt"

// What is done to a policy of ipBlocks when claims about its edits are measured.
const (
	EditUpdate = "edit"
	EditDelete = "delete"
	EditCreate = "create"
	// EditRestart is the engine's restart, a row of no policy's.
	EditRestart = "restart"
)

// The flows beside such a change, by what has to become of them: each packet of the first two is
// one of a new connection. They are the pairs of the samples.
const (
	EditDenied      = "new, to be denied"
	EditAllowed     = "new, to be allowed"
	EditEstablished = "established"
)

// EditFlows are all kinds of flows beside a change.
func EditFlows() []string { return []string{EditDenied, EditAllowed, EditEstablished} }

// EditOf is the transition of a change of a policy of so many ipBlocks.
func EditOf(blocks int, change string) string { return fmt.Sprintf("blocks-%d-%s", blocks, change) }

// ParseEdit is the opposite of EditOf; ok is false for other transitions.
func ParseEdit(transition string) (blocks int, change string, ok bool) {
	n, err := fmt.Sscanf(transition, "blocks-%d-%s", &blocks, &change)
	return blocks, change, err == nil && n == 2
}

// EditRow is how often flows that no policy spoke differently of met a wrong verdict at changes of
// a policy of ipBlocks.
type EditRow struct {
	Blocks int    `json:"ip_blocks"` // 0: of a restart
	Change string `json:"change"`    // edit, delete, create or restart
	// Opened are new connections that passed and had to be denied, Shut those that had to pass and
	// didn't, Cut packets of established ones that didn't.
	Opened Wronged `json:"opened"`
	Shut   Wronged `json:"shut"`
	Cut    Wronged `json:"cut"`
}

// Void is of how many flows at changes nothing is known.
func (r *EditRow) Void() int { return r.Opened.Void + r.Shut.Void + r.Cut.Void }

// Wronged is at how many changes flows of a kind met a wrong verdict.
type Wronged struct {
	N       int     `json:"n"`       // changes that count
	Void    int     `json:"void"`    // changes of which nothing is known
	Changes int     `json:"changes"` // with a wrong verdict
	Lo      float64 `json:"lo"`      // 95 % interval of their share
	Hi      float64 `json:"hi"`
	Packets uint64  `json:"packets"`
	Longest float64 `json:"longest_ms"` // of one flow at one change
}

// String is "3 of 200", with the share of all that it may be.
func (w Wronged) String() string {
	if w.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d [%.1f, %.1f] %%", w.Changes, w.N, 100*w.Lo, 100*w.Hi)
}

// Lasted is the longest time, "-" where nothing was wrong.
func (w Wronged) Lasted() string {
	if w.Changes == 0 {
		return "-"
	}
	if w.Longest >= 10_000 {
		return Quantity(w.Longest/1000, "s")
	}
	return Quantity(w.Longest, "ms")
}
