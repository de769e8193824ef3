package e2e

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
	Up(ctx context.Context, log Log) (*Site, error)
}

// Log is where a provider tells what it does.
type Log struct {
	Dir string            // for files, made when need be
	Say func(line string) // progress
}

// Site is what a Provider brought up.
type Site struct {
	Cluster clusters.Cluster
	// Engine is the name in reports, Unsupported what it declares that it lacks.
	Engine      string
	Unsupported []engines.Unsupported
	// Died gives an error when something ends that the cluster can't do without; nil when
	// that can't be known.
	Died <-chan error
	// Down takes away what Up made; nil when there is nothing to do.
	Down func(ctx context.Context) error
}

// downTimeout bounds the taking down of a site.
const downTimeout = 45 * time.Second

func (s *Site) down(ctx context.Context) error {
	if s.Down == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
	defer cancel()
	return s.Down(ctx)
}

// checker is a provider that can tell wrong flags before anything starts.
type checker interface {
	check() error
}

// boxed is a provider that works inside a sandbox only. prepare gets, outside of it, what
// can't be had from inside.
type boxed interface {
	prepare() error
}

// builtIn are the providers by the names that -provider takes. An engine that is nil is
// found by its name.
func builtIn(engine engines.Engine, p place) map[string]Provider {
	return map[string]Provider{
		"lab": &labProvider{engine: engine, place: p},
	}
}
