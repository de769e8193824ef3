package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/flawed"
	"github.com/netassay/netassay/engines/reference"
	"github.com/netassay/netassay/engines/registry"
	v1 "github.com/netassay/netassay/reports/v1"
	scalerun "github.com/netassay/netassay/scale/run"
	"github.com/netassay/netassay/testbed"
)

// referenceIn is the reference enforcer that an engine is or has inside, nil when there is none.
func referenceIn(e engines.Engine) *reference.Engine {
	if f, ok := e.(*flawed.Engine); ok {
		e = f.Inner
	}
	r, _ := e.(*reference.Engine)
	return r
}

// scaleOne measures one engine in a lab of its own and records what it saw.
func scaleOne(ctx context.Context, stdio IO, f scaleFlags, record func(...v1.Record), t v1.Turn) error {
	entry, err := registry.Lookup(t.Engine)
	if err != nil {
		return err
	}
	engine, err := entry.Build(ctx, binaries.Finder(nil))
	if err != nil {
		return err
	}
	described := v1.Engine{Name: t.Engine, Version: entry.Version, Limits: f.limitsOf(t.Engine)}
	if described.Version == "" {
		described.Version = version
	}
	if e := referenceIn(engine); e != nil {
		e.Args = append(e.Args, f.args...)
		described.Version += " " + strings.Join(f.args, " ")
	}
	if f.late > 0 {
		engine = &flawed.Engine{Label: engine.Name(), Inner: engine, Delay: f.late}
		described.Version += fmt.Sprintf(" told of everything %v late", f.late)
	}
	for _, u := range engine.Unsupported() {
		described.Lacks = append(described.Lacks, v1.Lack{What: u.Feature + string(u.Family), Reason: u.Reason})
	}
	if t.Repeat == 0 {
		record(&described)
	}
	logs := filepath.Join(f.out, "logs", fmt.Sprintf("%s-%d", t.Engine, t.Repeat+1))
	return f.bed.run(ctx, stdio, logs, func(ctx context.Context, b *testbed.Testbed) (err error) {
		cfg := f.cfg
		cfg.Lab, cfg.Dir, cfg.Kwok = b.Cluster.(clusters.ByNode), logs, f.kwok
		if b.Lab != nil {
			cfg.Pool, cfg.Sandboxed = b.Lab.Pool(), true
		}
		cfg.Engine, cfg.Name, cfg.Repeat = engine, t.Engine, t.Repeat
		cfg.Judged = described.Limits != nil
		cfg.Record, cfg.Log = record, stdio.say
		_, err = scalerun.Run(ctx, cfg)
		return err
	})
}
