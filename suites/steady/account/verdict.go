package account

import (
	"fmt"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Limits say when a run saw enough.
type Limits struct {
	MustDrop  uint64  // packets that must be dropped, at least
	MaxMissed float64 // share of ticks without a packet, at most
	MaxUnsure float64 // share of packets of which nothing can be said, at most
}

// Verdict is fail when a packet leaked or was lost, whatever else happened; void when too
// little was seen to say that none was; and pass otherwise. The reasons say why.
func Verdict(t v1.Tally, l Limits) (v1.Verdict, []string) {
	all := t.UDP
	all.Add(t.TCP)
	var wrong, doubts []string
	if all.Leaked > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of %d that had to be dropped leaked", all.Leaked, all.MustDrop))
	}
	if all.Lost > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of %d that had to pass were lost", all.Lost, all.MustPass))
	}
	if len(wrong) > 0 {
		return v1.VerdictFail, wrong
	}
	for _, c := range []struct {
		bad  bool
		text string
	}{
		{all.MustPass == 0, "nothing was sent that had to pass"},
		{t.UDP.MustDrop < max(1, l.MustDrop), fmt.Sprintf("only %d packets had to be dropped while the same server was reached, want %d", t.UDP.MustDrop, max(1, l.MustDrop))},
		{share(t.Missed, t.Ticks) > l.MaxMissed, fmt.Sprintf("the senders missed %.1f %% of their ticks: the machine is too busy", 100*share(t.Missed, t.Ticks))},
		{share(t.UDP.Overflow, t.UDP.MustPass) > l.MaxUnsure, fmt.Sprintf("%d packets may have been lost in receivers' own sockets", t.UDP.Overflow)},
		{share(t.TCP.Inconclusive, t.TCP.MustPass+t.TCP.MustDrop) > l.MaxUnsure, fmt.Sprintf("%d connections were inconclusive", t.TCP.Inconclusive)},
		{t.Unasked > 0, fmt.Sprintf("%d times a receiver could not be asked", t.Unasked)},
	} {
		if c.bad {
			doubts = append(doubts, c.text)
		}
	}
	if len(doubts) > 0 {
		return v1.VerdictVoid, doubts
	}
	return v1.VerdictPass, nil
}

// share is part of whole, 0 of nothing.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
