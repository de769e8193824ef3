package chaos

import (
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Sizes say how much of each fault there is, per backend.
type Sizes struct {
	Edits, Kills, Terms, Recreates, Drifts int
	CIDRs                                  int // of the large policy, half of each family
	APIOutage, LockHold                    time.Duration
	MustDrop                               int // packets that must be dropped, at least
}

// Timing are the paces and bounds.
type Timing struct {
	Interval time.Duration // between packets of a stream
	Verify   time.Duration // the agents' own check for drift
	Deadline time.Duration // for a change to become true, for an agent to be ready
	Silence  time.Duration // that is taken for dropped where only the pace depends on it
	Connect  time.Duration // that a TCP connection may take
}

// DefaultTiming is that of the figures in the documentation.
func DefaultTiming() Timing {
	return Timing{
		Interval: time.Millisecond, Verify: 2 * time.Second, Deadline: 30 * time.Second,
		Silence: 60 * time.Millisecond, Connect: 900 * time.Millisecond,
	}
}

// Config is one run on one backend.
type Config struct {
	Lab     clusters.ByNode
	Client  kubernetes.Interface
	Binary  string // of the enforcer
	Backend string // "nft" or "legacy"
	Sizes   Sizes
	Timing  Timing
	Seed    uint64
	// Record takes what is done and seen as it goes on, and the backend when it is over.
	Record func(...v1.Record)
	// Progress gets a line at the start and end of each phase, and some in between.
	Progress func(line string)
}
