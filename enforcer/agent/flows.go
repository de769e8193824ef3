package agent

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// forgetAgain is how long after a failure flows are forgotten again.
const forgetAgain = 2 * time.Second

// inherited has the flows of addresses forgotten that another pod has by now, whose policies
// are in force: what its predecessor had opened, or let in, is not its own. The list of all
// flows can be long, so that the loop does not wait for it.
func (a *Agent) inherited(ips map[netip.Addr]struct{}) {
	if len(ips) == 0 {
		return
	}
	select {
	case more := <-a.heirs:
		maps.Copy(ips, more)
	default:
	}
	a.heirs <- ips // there is room: nobody else puts anything in
}

// forgetFlows does what inherited asks for, until ctx ends. What fails is tried again. To walk
// through all flows takes some milliseconds: while addresses change hands all the time, it rests
// as syncs for churn do.
func (a *Agent) forgetFlows(ctx context.Context) {
	for failures := 0; ; {
		var ips map[netip.Addr]struct{}
		select {
		case <-ctx.Done():
			return
		case ips = <-a.heirs:
		}
		start := time.Now()
		for {
			n, err := a.cfg.Host.Forget(slices.Collect(maps.Keys(ips)))
			a.metrics.forgotten.Add(float64(n))
			if err == nil {
				failures = 0
				break
			}
			if failures++; failures&(failures-1) == 0 {
				a.log.Warn("can't forget the flows of an address that another pod has now: they go on", "failures", failures, "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(forgetAgain):
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Since(start)*churnShare, maxRest)):
		}
	}
}
