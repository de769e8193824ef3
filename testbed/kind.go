package testbed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/engines"
	kindconfigs "github.com/netassay/netassay/kind-configs"
)

// Kind is a Provider of clusters of kind: real kubelets and containers, in Docker.
type Kind struct {
	// Engine is deployed; when nil, the one that registry knows as EngineName is, and the
	// reference enforcer when that is empty too.
	Engine     engines.Engine
	EngineName string
	Topology   string // one of kindconfigs.Names; their Default when empty
	NodeImage  string // our own when empty
	Restricted bool   // pods that conform to the restricted Pod Security Standard
	Keep       bool   // leave the cluster
}

func (p *Kind) engineName() string {
	if p.EngineName == "" {
		return "reference"
	}
	return p.EngineName
}

// Check refuses wrong values.
func (p *Kind) Check() error {
	if err := oneOf("-topology value", p.Topology, append(kindconfigs.Names(), "")...); err != nil {
		return err
	}
	return checkEngine(p.Engine, p.engineName())
}

// Up implements Provider.
func (p *Kind) Up(ctx context.Context, log Log) (*Testbed, error) {
	engine, err := deployable(ctx, p.Engine, p.engineName())
	if err != nil {
		return nil, err
	}
	unhush, err := hush(log.Dir)
	if err != nil {
		return nil, err
	}
	c, err := kind.Start(ctx, kind.Config{Topology: p.Topology, NodeImage: p.NodeImage, LogDir: log.Dir, Progress: log.Say})
	if err != nil {
		unhush()
		return nil, err
	}
	s := &Testbed{
		Cluster: c, Engine: engine.Name(), Unsupported: engine.Unsupported(), Containers: true, Keep: p.Keep, Restricted: p.Restricted,
		ImageSeconds: &c.ImageSeconds, ClusterSeconds: &c.ClusterSeconds,
		Takedown: func(ctx context.Context, failed bool) error {
			defer unhush()
			return p.end(ctx, c, failed, log.Say)
		},
	}
	if err := deploy(ctx, engine, c, log.Say); err != nil {
		return nil, errors.Join(err, s.Down(ctx, ctx.Err() == nil))
	}
	return s, nil
}

// logsTimeout bounds the collecting of logs, so that enough is left for the rest.
const logsTimeout = 15 * time.Second

func (p *Kind) end(ctx context.Context, c *kind.Cluster, failed bool, say func(string)) error {
	var err error
	if failed {
		logs, cancel := context.WithTimeout(ctx, logsTimeout)
		err = c.ExportLogs(logs)
		cancel()
	}
	if p.Keep {
		c.Keep()
		say(fmt.Sprintf("kept: kubectl --kubeconfig %s get pods -A; netassay clean --all removes it", c.Kubeconfig()))
	}
	return errors.Join(err, c.Close(ctx))
}
