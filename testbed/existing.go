package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/engines"
)

// Existing is a Provider of the cluster of a kubeconfig. It touches only what it made.
type Existing struct {
	// Engine, if it can be deployed, is; else it says who is installed already, and what
	// that one lacks. EngineName, when not empty, is deployed in its place.
	Engine      engines.Engine
	EngineName  string
	Kubeconfig  string // by kubectl's rules when empty
	Context     string
	Registry    string
	Images      map[string]string
	Families    string // "ipv4", "ipv6" or "dual"; found out when empty
	Tolerations []corev1.Toleration
	Restricted  bool   // pods that conform to the restricted Pod Security Standard
	PullSecret  string // file in the form of .docker/config.json
	Keep        bool   // leave what was made
}

// installed is the name of an engine that is there and that nobody has named.
const installed = "installed"

// Check refuses wrong values.
func (p *Existing) Check() error {
	if err := oneOf("-ip-family value", p.Families, "", "ipv4", "ipv6", "dual"); err != nil {
		return err
	}
	if p.EngineName == "" {
		return nil
	}
	return checkEngine(nil, p.EngineName)
}

// Up implements Provider.
func (p *Existing) Up(ctx context.Context, log Log) (*Testbed, error) {
	unhush, err := hush(log.Dir)
	if err != nil {
		return nil, err
	}
	s, err := p.up(ctx, log)
	if err != nil {
		unhush()
		return nil, err
	}
	takedown := s.Takedown
	s.Takedown = func(ctx context.Context, failed bool) error {
		defer unhush()
		if takedown == nil {
			return nil
		}
		return takedown(ctx, failed)
	}
	return s, nil
}

func (p *Existing) up(ctx context.Context, log Log) (*Testbed, error) {
	c, err := existing.Open(ctx, existing.Options{
		Kubeconfig: p.Kubeconfig, Context: p.Context, Registry: p.Registry, Images: p.Images,
		Families: p.Families, Tolerations: p.Tolerations,
	})
	if err != nil {
		return nil, err
	}
	log.Say("engines: " + existing.Believed(c.Engines(ctx)))
	s := &Testbed{
		Cluster: c, Engine: installed, WasThere: true, Containers: true, Keep: p.Keep, Restricted: p.Restricted,
		Preflight: func(ctx context.Context, needs clusters.Needs) (lines []string, fatal bool) {
			problems := c.Preflight(ctx, needs)
			for _, problem := range problems {
				lines = append(lines, problem.String())
			}
			return lines, existing.Fatal(problems)
		},
	}
	if p.PullSecret != "" {
		if s.PullSecret, err = os.ReadFile(p.PullSecret); err != nil {
			return nil, fmt.Errorf("read -pull-secret: %w", err)
		}
	}
	return s, p.putToWork(ctx, s, log.Say)
}

// putToWork deploys the engine, if there is one to deploy.
func (p *Existing) putToWork(ctx context.Context, s *Testbed, say func(string)) error {
	engine := p.Engine
	if p.EngineName != "" {
		engine = nil
	}
	if engine != nil {
		s.Engine, s.Unsupported = engine.Name(), engine.Unsupported()
	}
	if _, ok := engine.(engines.Deployable); !ok && p.EngineName == "" {
		return nil
	}
	d, err := deployable(ctx, engine, p.EngineName)
	if err != nil {
		return err
	}
	s.Engine, s.Unsupported = d.Name(), d.Unsupported()
	if !p.Keep {
		s.Takedown = func(ctx context.Context, _ bool) error { return d.Undeploy(ctx) }
	}
	if err := deploy(ctx, d, s.Cluster, say); err != nil {
		return errors.Join(err, d.Undeploy(context.WithoutCancel(ctx)))
	}
	return nil
}
