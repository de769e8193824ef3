package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/assert/packets"
	"github.com/netassay/netassay/reach/diff"
	"github.com/netassay/netassay/reach/inventory"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/testbed"
)

// liveBounds are how much of a difference is played: what one case can have, on each side.
func liveBounds() diff.Bounds {
	return diff.Bounds{Pods: packets.MostPods, Ports: packets.MostPorts, Same: 24}
}

// sampleSeed draws the flows that did not change: the same two states get the same flows.
const sampleSeed = 1

// play plays both states, one after the other, and holds the engine against the oracle on each.
func (d *snapshotDiff) play(ctx context.Context, stdio IO, r *diff.Report, sides [2]*inventory.Inventory) error {
	sample := r.Sample(sampleSeed, liveBounds())
	plays, err := playsOf(sample, sides)
	if err != nil {
		return err
	}
	var all []cases.Case
	for _, p := range plays {
		all = append(all, p.Case)
	}
	f := &d.lab
	f.settings.Paths, f.settings.FixtureSets = cases.CasePaths, 1
	out := &f.settings.Out
	return f.bed.inside(ctx, stdio, out, "snapshot-diff-"+f.bed.Label(), func(ctx context.Context) error {
		stdio.say(fmt.Sprintf("playing %d changes and %d flows that did not change, before and after; changes left out: %d", sample.Changed, sample.Same, sample.Left))
		return f.bed.run(ctx, stdio, filepath.Join(*out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
			run, err := f.play(ctx, stdio, t, all, nil)
			if run == nil {
				return err
			}
			verdict := v1.VerdictPass
			for _, p := range plays {
				live := p.Read(run)
				fmt.Fprintf(stdio.Out, "%s: %s", p.Case.Name, live)
				if v := live.Verdict(); v == v1.VerdictFail || verdict == v1.VerdictPass {
					verdict = v
				}
			}
			return stdio.end(*out, verdict, err)
		})
	})
}

// playsOf are cases of both sides, of those that have a flow to ask about.
func playsOf(s diff.Sample, sides [2]*inventory.Inventory) (plays []*packets.Play, err error) {
	for i, lines := range [][]string{s.Before, s.After} {
		name := []string{"before", "after"}[i]
		if len(lines) == 0 {
			continue
		}
		expectations, err := assert.ParseLines(name, 1, "", strings.Join(lines, "\n"))
		if err != nil {
			return nil, err
		}
		plan, err := assert.NewPlan(sides[i], expectations)
		if err != nil {
			return nil, err
		}
		if n := plan.Check().Failed(); n > 0 {
			return nil, fmt.Errorf("%d flows %s are not as the difference says, perhaps as a pod is named like another's replica: play the state by netassay assert --live", n, name)
		}
		p, err := packets.New(plan)
		if err != nil {
			return nil, err
		}
		p.Case.Name = name
		plays = append(plays, p)
	}
	if len(plays) == 0 {
		return nil, errors.New("no flow can be played: all that changed are of nodes, or of hosts that a lab can't have")
	}
	return plays, nil
}
