package judge

import (
	"fmt"

	v1 "github.com/netassay/netassay/reports/v1"
)

func (n *New) leaked() bool { return n != nil && n.Received > 0 }

// leakedAtFirst is the failure of a cell whose new pod was not isolated when it started.
func (j *Judgement) leakedAtFirst(c *Cell) {
	n := c.New
	j.Outcome, j.Kind, j.Seen = v1.Fail, v1.Leak, Connected
	j.Evidence = "one way only"
	j.Reason = fmt.Sprintf("must never pass: %d of %d datagrams got in", n.Received, n.Sent)
	if len(n.Arrivals) > 0 {
		first, last := n.Arrivals[0], n.Arrivals[len(n.Arrivals)-1]
		j.Reason += fmt.Sprintf(", from %s to %s after the pod's start", millis(first-n.Began), millis(last-n.Began))
	}
}

// evidence is what the datagrams showed, and from when on; "" when there were none.
func (n *New) evidence() string {
	if n == nil || n.Sent == 0 {
		return ""
	}
	when := millis(n.First-n.Began) + " after"
	if n.First < n.Began {
		when = millis(n.Began-n.First) + " before"
	}
	return fmt.Sprintf("; %d of %d datagrams got in, the first sent %s the pod's start", n.Received, n.Sent, when)
}
