package play

import (
	"context"
	"errors"

	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/fuzz"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// OnBed hunts on a testbed.
func (r *Run) OnBed(ctx context.Context, t *testbed.Testbed, s conformance.Settings, h *Hunt) (err error) {
	run := &conformance.Run{Bed: t, Say: r.Say}
	cfg := run.Config(s, []cases.Case{fuzz.Widest()}, nil, r.Report.Tool)
	cfg.Brief, cfg.Explain = true, nil // the cells are read by a program
	if err := run.Fit(ctx, cfg); err != nil {
		return err
	}
	free, err := conformance.Connect(&cfg)
	if err != nil {
		return err
	}
	session, err := runner.Open(cfg)
	if err != nil {
		return errors.Join(err, free())
	}
	defer func() {
		session.Forget()
		r.Report.Notes = append(r.Report.Notes, session.Close(ctx).Notes...)
		err = errors.Join(err, free())
	}()
	if err := session.Start(ctx); err != nil {
		return err
	}
	h.Player, h.AtOnce, h.Hurry = Live(session), s.FixtureSets, session.Hurry
	return r.Hunt(ctx, t.Engine, h)
}
