package conformance

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/runner"
)

// Settings are what a run can be told, beside where it is and which cases it has.
type Settings struct {
	Timing         runner.Timing
	FixtureSets    int    // that work at once
	Seed           uint64 // of the order of the cases; 0: a fresh one
	Out            string // result directory; "": a fresh one
	RunUnsupported bool   // also judge what the engine declares unsupported
	Sentinel       Sentinel
	FailFast       bool // skip what remains after the first failed case
	Skip           runner.Skips
	Shard          runner.Shard
	Resume         string           // result directory of a run to go on with; "": none
	Paths          cases.PathChoice // "": what the place bears, see paths
}

// Defaults are the settings of a run that is told nothing.
func Defaults() Settings {
	return Settings{FixtureSets: 4, Timing: runner.Timing{Hold: 400 * time.Millisecond}}
}

// How the number of fixture sets is called. In go test --parallel is the framework's, and
// says whether there may be more than one.
const (
	Parallel    = "parallel"
	FixtureSets = "fixture-sets"
)

// Register makes the flags. What s holds are their defaults; sets is Parallel or FixtureSets.
func (s *Settings) Register(set *pflag.FlagSet, sets string) {
	s.RegisterPlaying(set, sets)
	set.Uint64Var(&s.Seed, "seed", s.Seed, "order of the cases; 0 takes a fresh one, which is printed")
	set.StringVar(&s.Out, "out", s.Out, "result directory (default results/<time>-conformance-<engine>)")
	set.Var(&s.Sentinel, "sentinel", "time between packets of each flow that is watched all through the run, because nothing changes its verdict; 0 watches none (default 1ms, where pods are containers 10ms)")
	set.BoolVar(&s.FailFast, "fail-fast", s.FailFast, "skip what remains after the first failed case")
	set.Var(&s.Paths, "paths", "beside the paths that a case names (pod, service, node port of this and that node): pairwise probes all pairs in one IP family, and by other paths and families so few cells that every two of path, same or other node, family, port and verdicts are met; all probes all; case what the case says, in all families; own is pairwise by the paths that the case names, with node ports of no Services but those that a case creates (default pairwise, on a cluster that was there own)")
	set.Var(&s.Skip, "skip", "report these cases (a name or glob) as skipped, for that reason; may be repeated")
	set.Var(&s.Shard, "shard", "play the i-th of n parts of the cases: a run for each part has them all")
	set.StringVar(&s.Resume, "resume", s.Resume, "go on with the run in this result directory, which was stopped or killed; results are those of a run without a break")
}

// RegisterPlaying makes the flags that say how cases are played, whichever these are.
func (s *Settings) RegisterPlaying(set *pflag.FlagSet, sets string) {
	set.IntVar(&s.FixtureSets, sets, s.FixtureSets, "sets of namespaces that work through the cases at once")
	set.DurationVar(&s.Timing.Timeout, "probe-timeout", s.Timing.Timeout, "silence that counts as dropped (default 400ms; where pods are containers 1s, but 400ms where no answer is due)")
	set.DurationVar(&s.Timing.Hold, "hold", s.Timing.Hold, "how long a verdict must stay right")
	set.DurationVar(&s.Timing.Deadline, "deadline", s.Timing.Deadline, "how long a step's verdicts may take to become right (default 10s, where pods are containers 30s, for an engine that documents a longer time that)")
	set.BoolVar(&s.RunUnsupported, "run-unsupported", s.RunUnsupported, "also judge features and IP families that the engine has an excuse for lacking")
}

// paths are what the user chose, else as many as the place bears: on a cluster that was there, no
// node ports but those that a case is about.
func (s *Settings) paths(wasThere bool) cases.PathChoice {
	switch {
	case s.Paths != "":
		return s.Paths
	case wasThere:
		return cases.OwnPaths
	}
	return cases.PairwisePaths
}

// Check refuses wrong values. flag is how FixtureSets is spelled, with its dashes.
func (s *Settings) Check(flag string) error {
	if s.FixtureSets < 1 {
		return fmt.Errorf("%s %d: at least one case must be played at a time", flag, s.FixtureSets)
	}
	return nil
}

// Unfinished is the run to go on with, nil when there is none. A run that has come to its end
// is refused.
func (s *Settings) Unfinished() (*v1.Run, error) {
	if s.Resume == "" {
		return nil, nil
	}
	run, err := reports.ReadUnfinished(s.Resume)
	if err == nil && len(runner.Unplayed(run)) == 0 {
		err = fmt.Errorf("resume %s: run %s came to its end, nothing is left to play", s.Resume, run.ID)
	}
	return run, err
}
