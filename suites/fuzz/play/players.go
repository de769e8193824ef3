package play

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fuzz"
	"github.com/netassay/netassay/suites/runner"
)

// OnPaper plays without packets.
func OnPaper(engine fuzz.Paper) Player {
	return func(_ context.Context, c cases.Case) (fuzz.Result, error) { return fuzz.OnPaper(c, engine) }
}

// Live plays in a session that has begun.
func Live(s *runner.Session) Player {
	return func(ctx context.Context, c cases.Case) (fuzz.Result, error) {
		s.Add(c)
		played, err := s.Play(ctx, c.Name)
		if err == nil {
			err = ctx.Err()
		}
		return result(played, len(c.Steps)), err
	}
}

// result is what the runner says of a case, in our words; steps are the case's.
func result(played v1.Case, steps int) fuzz.Result {
	r := fuzz.Result{Outcome: played.Outcome, Reason: played.Reason}
	for _, s := range played.Steps {
		if len(s.Cells) > 0 && r.Steps < steps {
			r.Steps++
		}
		for i := range s.Cells {
			switch c := &s.Cells[i]; c.Outcome {
			case v1.Pass:
				r.Cells++
			case v1.Fail:
				r.Cells++
				r.Wrong = append(r.Wrong, wrong(c))
			default: // not judged
			}
		}
	}
	if r.Outcome != v1.Fail {
		r.Wrong = nil
	}
	return r
}

func wrong(c *v1.Cell) fuzz.Cell {
	got := model.Allow
	if model.Verdict(c.Want) == model.Allow {
		got = model.Deny
	}
	return fuzz.Cell{
		Step: c.Step, Want: model.Verdict(c.Want), Got: got, Reason: c.Because + "; " + c.Reason,
		Cell: cases.Cell{
			Client: c.Client, Server: c.Server, Family: model.Family(c.Family),
			Kind: cases.Kind{Probe: cases.Probe{Port: c.Port, Protocol: corev1.Protocol(c.Protocol)}, Path: cases.Path(c.Path)},
		},
	}
}
