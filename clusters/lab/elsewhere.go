//go:build !linux

package lab

import (
	"context"
	"errors"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/sandbox"
)

// On other systems there is no lab. Whoever wants one is told by sandbox.Preflight; what is here
// lets all else be built, and fails in the same words.

func errElsewhere() error { return errors.New(sandbox.Preflight()[0].String()) }

// Lab is never made.
type Lab struct{ clusters.Cluster }

// Start fails.
func Start(context.Context, Config) (*Lab, error) { return nil, errElsewhere() }

// EngineNodes are none.
func (*Lab) EngineNodes() []engines.Node { return nil }

// Pool is none.
func (*Lab) Pool() *network.Pool { return nil }

// Died never yields.
func (*Lab) Died() <-chan error { return nil }

// Close has nothing to do.
func (*Lab) Close() error { return nil }

// UpOptions say what lab is to be started.
type UpOptions struct {
	Config Config
	Engine string
}

// Up fails.
func (Labs) Up(context.Context, UpOptions) (Status, error) { return Status{}, errElsewhere() }

// Down finds no lab of that name.
func (l Labs) Down(_ context.Context, name string) error { return l.missing(name) }

// Clean has nothing to do.
func (Labs) Clean(context.Context, bool) ([]string, error) { return nil, nil }

// Engines puts the engine called name to work in a lab.
type Engines func(ctx context.Context, l *Lab, name string) error

// ServeIfAsked is never asked.
func ServeIfAsked(Engines) {}
