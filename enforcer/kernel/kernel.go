package kernel

import (
	"context"
	"net/netip"
	"time"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// Options configure a Kernel.
type Options struct {
	Backend Backend // "" is Auto
	Runner  Runner
	// Parallel has both families synced at the same time. The Runner must bear it.
	Parallel bool
}

// Kernel is the netfilter state of one node, as one writer sees it. It is not safe for
// concurrent use, but for what Look says.
type Kernel struct {
	backend  Backend
	families []model.Family
	run      Runner
	parallel bool
	known    map[model.Family]*family // nil: must be read first
	cursor   string                   // last set that a look has read
}

// New returns a Kernel that has not looked at anything yet.
func New(opts Options) *Kernel {
	return &Kernel{backend: opts.Backend, families: families(), run: opts.Runner, parallel: opts.Parallel}
}

// Hints tell a sync what it can't see in a plan.
type Hints struct {
	// Transient tells the addresses whose pod began or ended since the last successful
	// sync. Flows of theirs may be denied for an instant during a sync, never wrongly
	// allowed. nil: there are none, and no flow may be wrong at any instant.
	Transient func(netip.Addr) bool
}

// Result says what a sync did.
type Result struct {
	Changed     bool
	ChainWrites int           // chains written, over both families
	SetWrites   int           // sets and generations made
	Lines       int           // in-place changes of sets
	Uncollected int           // sets that could not be destroyed yet: sync again later
	SetsTime    time.Duration // step 1, 2 and 4
	RulesTime   time.Duration // step 3
	CollectTime time.Duration // step 5
}

// add adds what was done to a family. Times are sums, also of what was done at one time.
func (r *Result) add(of Result) {
	r.Changed = r.Changed || of.Changed
	r.ChainWrites += of.ChainWrites
	r.SetWrites += of.SetWrites
	r.Lines += of.Lines
	r.Uncollected += of.Uncollected
	r.SetsTime += of.SetsTime
	r.RulesTime += of.RulesTime
	r.CollectTime += of.CollectTime
}

// Start is Probe for a node that may have no ip6tables, or no IPv6 at all: lost says why IPv6
// is left alone from now on, nil: it is not.
func (k *Kernel) Start(ctx context.Context) (lost, err error) {
	err = k.Probe(ctx)
	if !lacksFamily(err) {
		return nil, err
	}
	k.families = []model.Family{model.IPv4}
	return err, k.Probe(ctx)
}

// Families are those that are enforced.
func (k *Kernel) Families() []model.Family { return k.families }

// Probe reads what is ours, which shows whether the tools work here at all. Its error is
// one line that tells the operator what to do.
func (k *Kernel) Probe(ctx context.Context) error {
	known, err := k.read(ctx)
	if err != nil {
		return err
	}
	k.known = known
	return nil
}

// Sync brings the kernel to the plan. On an error the last good state of the family that
// failed goes on enforcing, the other family is synced all the same, and the next Sync
// reads the kernel again.
func (k *Kernel) Sync(ctx context.Context, p plan.Plan, hints Hints) (Result, error) {
	var r Result
	if k.known == nil {
		if err := k.Probe(ctx); err != nil {
			return r, err
		}
	}
	transient := hints.Transient
	if transient == nil {
		transient = func(netip.Addr) bool { return false }
	}
	err := k.syncFamilies(ctx, p.Families()[:len(k.families)], transient, &r)
	if err != nil {
		k.known = nil
	}
	return r, err
}
