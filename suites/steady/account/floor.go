package account

import (
	"fmt"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// The bounds of a run with a noise floor.
const (
	// MaxFloorLoss is the share of packets that may be lost where no policy is, before what is
	// lost elsewhere, and what is silent, proves nothing any more.
	MaxFloorLoss = 0.001
	// Margin is how near to a loss of the floor one of a policed flow must be to share its
	// cause: a machine that stood still loses packets for as long.
	Margin = 100 * time.Millisecond
	// minProven is the share of packets that had to be dropped whose silence must be proven.
	minProven = 0.5
	// minProofs is how many packets or connections must be lost while the floor lost none: a
	// single one convicts nobody.
	minProofs = 2
	// noiseFactor is how many times as much as the floor must be lost when that loses some too,
	// at other times.
	noiseFactor = 3
)

// Judgement is what is to be said of policed flows beside a floor.
type Judgement struct {
	Outcome v1.Outcome
	Kind    v1.FailureKind // of a failure
	Reason  string
	Notes   []string // what was odd, and decides nothing
}

// Against judges policed flows by the floor: flows of the same kind between pods that no
// policy selects, at the same time. A leak convicts alone. Loss convicts only where the floor
// shows that nothing else took the packets, and that of connections only where the floor's own
// were not slow. What the floor can't vouch for is Inconclusive.
func Against(policed, floor Tally, slow bool) Judgement {
	if n := policed.UDP.Leaked + policed.TCP.Leaked; n > 0 {
		return Judgement{Outcome: v1.Fail, Kind: v1.Leak, Notes: notes(policed, floor), Reason: fmt.Sprintf(
			"%d packets and %d new connections leaked, which a policy denied that nobody touched", policed.UDP.Leaked, policed.TCP.Leaked)}
	}
	if doubt := doubt(policed, floor); doubt != "" {
		return Judgement{Outcome: v1.Inconclusive, Reason: doubt, Notes: notes(policed, floor)}
	}
	packets, connections := unexcused(policed, floor, slow)
	proofs := packets + connections
	noise := noiseFactor * (floor.UDP.Lost + floor.TCP.Lost)
	j := Judgement{Outcome: v1.Pass, Notes: notes(policed, floor)}
	switch lost := policed.UDP.Lost + policed.TCP.Lost; {
	case policed.Unasked == 0 && proofs >= minProofs && proofs > noise:
		j.Outcome, j.Kind = v1.Fail, v1.Outage
		j.Reason = fmt.Sprintf("%d packets and %d new connections were lost, which a policy allowed that nobody touched, while pods without a policy lost none",
			packets, connections)
	case lost > 0:
		j.Notes = append(j.Notes, fmt.Sprintf("lost %d packets and %d new connections that had to pass: not more than noise (%d and %d at times when the floor lost none)",
			policed.UDP.Lost, policed.TCP.Lost, packets, connections))
	}
	return j
}

// doubt is why the floor can't vouch for anything, "" when it can.
func doubt(policed, floor Tally) string {
	sent := policed.UDP.MustDrop + policed.UDP.Unproven
	switch loss := share(floor.UDP.Lost, floor.UDP.MustPass); {
	case floor.UDP.MustPass == 0 || policed.UDP.MustPass == 0:
		return "nothing was sent that had to pass"
	case loss > MaxFloorLoss:
		return fmt.Sprintf("pods without a policy lost %.2f %% of %d packets, at most %.1f %% may be: the machine or its network is too busy",
			100*loss, floor.UDP.MustPass, 100*MaxFloorLoss)
	case share(policed.UDP.MustDrop, sent) < minProven || sent == 0:
		return fmt.Sprintf("of %d packets that had to be dropped %d were sent while the same server was seen to be reached", sent, policed.UDP.MustDrop)
	}
	return ""
}

// unexcused are the losses at times when the floor lost nothing: packets, and connections when
// the floor's were not slow.
func unexcused(policed, floor Tally, slow bool) (packets, connections uint64) {
	for _, f := range policed.Findings {
		if f.What != lost || near(f, floor.Findings) {
			continue
		}
		switch {
		case f.Protocol == udp:
			packets += f.Count
		case !slow:
			connections += f.Count
		}
	}
	// A finding can't tell what a receiver's own socket lost from the rest: the count does.
	return min(packets, policed.UDP.Lost), connections
}

func near(f v1.Finding, floor []v1.Finding) bool {
	for _, g := range floor {
		if g.From <= f.To+Margin && f.From <= g.To+Margin {
			return true
		}
	}
	return false
}

// notes are the harness's own troubles.
func notes(policed, floor Tally) []string {
	all := policed.Tally
	all.Add(floor.Tally)
	var out []string
	for _, c := range []struct {
		n    uint64
		text string
	}{
		{all.Missed, fmt.Sprintf("senders missed %d of %d ticks: the machine was busy", all.Missed, all.Ticks)},
		{all.UDP.Overflow, fmt.Sprintf("%d packets may have been lost in receivers' own sockets", all.UDP.Overflow)},
		{all.TCP.Inconclusive, fmt.Sprintf("%d new connections were inconclusive", all.TCP.Inconclusive)},
		{all.Unasked, fmt.Sprintf("%d times a receiver could not be asked: what was lost then convicts nobody", all.Unasked)},
	} {
		if c.n > 0 {
			out = append(out, c.text)
		}
	}
	return out
}
