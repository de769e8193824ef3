package testbed

import (
	"context"
	"time"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
)

// Provider brings up the cluster that a run is on and the engine that it judges.
type Provider interface {
	// Up returns when pods can run and the engine enforces. When it returns an error, or
	// ctx ends, nothing of it is left.
	Up(ctx context.Context, log Log) (*Testbed, error)
}

// Checker is a Provider that can tell that it was configured wrongly before anything
// starts.
type Checker interface {
	Check() error
}

// Boxed is a Provider that works inside a sandbox only. Prepare gets, outside of it, what
// can't be had from inside.
type Boxed interface {
	Prepare(ctx context.Context) error
}

// Log is where a provider tells what it does.
type Log struct {
	Dir string            // for files, made when need be
	Say func(line string) // progress
}

// Testbed is what a Provider brought up.
type Testbed struct {
	Cluster clusters.Cluster
	// Engine is the name in reports, Unsupported what it declares that it lacks.
	Engine      string
	Unsupported []engines.Unsupported
	// WasThere says that the cluster was not made for this run.
	WasThere bool
	// Keep leaves what the run makes in the cluster.
	Keep bool
	// Restricted makes pods conform to the restricted Pod Security Standard, and
	// PullSecret is by what nodes pull images; see runner.Config.
	Restricted bool
	PullSecret []byte
	// Preflight says, a line each, what the cluster lacks for a run with these needs, and
	// whether that is too much. Nil when it was made for runs.
	Preflight func(ctx context.Context, needs clusters.Needs) (lines []string, fatal bool)
	// ImageSeconds and ClusterSeconds are what the making took; nil where there is none.
	ImageSeconds, ClusterSeconds *float64
	// Containers says that pods are containers, which are slower than processes; see
	// runner.Timing.InContainers.
	Containers bool
	// Died gives an error when something ends that the cluster can't do without; nil when
	// that can't be known.
	Died <-chan error
	// Takedown removes what Up made; nil when there is nothing to remove. A run that
	// failed leaves more logs.
	Takedown func(ctx context.Context, failed bool) error
}

// downTimeout bounds the taking down of a testbed.
const downTimeout = 45 * time.Second

// Down removes what Up made, in a bounded time, also when ctx is done.
func (s *Testbed) Down(ctx context.Context, failed bool) error {
	if s.Takedown == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
	defer cancel()
	return s.Takedown(ctx, failed)
}
