package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/metrics"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/summary"
)

// again runs this program once more, for an experiment that dies alone, and in a sandbox of its
// own. What it says of its progress is passed on; said is what it said of its end. Its report is
// in its result directory.
func again(ctx context.Context, stdio IO, args []string) (code int, said string, err error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	// A process group of its own: Ctrl-C reaches it once, through us, and it cleans up.
	process.Separate(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Minute
	lines, w := io.Pipe()
	cmd.Stderr = w
	last := make(chan string)
	go func() { last <- passOn(lines, stdio.Err) }()
	err = cmd.Run()
	_ = w.Close()
	said = <-last
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	if err != nil {
		return exitBroken, said, fmt.Errorf("run %s: %w", args[0], err)
	}
	return cmd.ProcessState.ExitCode(), said, nil
}

// passOn copies lines, and gives the last with which the program spoke of itself.
func passOn(from io.Reader, to io.Writer) (last string) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		fmt.Fprintln(to, lines.Text())
		if text, own := strings.CutPrefix(lines.Text(), "netassay: "); own {
			last = text
		}
	}
	_, _ = io.Copy(io.Discard, from) // after a line that is too long
	return last
}

// collectNight takes verdict, versions and figures of a run from its result directory. An error is
// that of a run that left none.
func collectNight(experiment, dir string, run *v1.NightRun) ([]v1.Metric, error) {
	switch experiment {
	case nightConformance:
		return collectConformance(dir, run)
	case nightChaos:
		return collectChaos(dir, run)
	default:
		return collectScale(dir, run)
	}
}

func collectConformance(dir string, run *v1.NightRun) ([]v1.Metric, error) {
	var r v1.Run
	if whole, err := reports.Read(dir, &r); err != nil || !whole {
		return nil, cmp.Or(err, errors.New("it did not come to its end"))
	}
	run.Verdict, run.EngineVersion, run.Kubernetes = r.Verdict(), r.EngineVersion, r.Kubernetes
	run.Load = fmt.Sprintf("%s, families %s, paths %s, %d nodes", run.Load, strings.Join(r.Families, " "), r.Paths, r.Nodes)
	for i := range r.Cases {
		if c := &r.Cases[i]; c.Outcome == v1.Fail && len(run.Reasons) < maxReasons {
			run.Reasons = append(run.Reasons, oneLine("case "+c.Name+": "+c.Reason))
		}
	}
	figures := r.Figures()
	return metrics.OfConformance(run.Experiment, run.Engine, &figures), nil
}

// maxReasons is how many reasons a night keeps: the run's own report has them all.
const maxReasons = 10

func collectChaos(dir string, run *v1.NightRun) ([]v1.Metric, error) {
	var s v1.ChaosSummary
	if err := readSummary(dir, &s); err != nil {
		return nil, err
	}
	run.Verdict, run.Reasons = s.Verdict, s.Reasons[:min(len(s.Reasons), maxReasons)]
	return metrics.OfChaos(run.Experiment, run.Engine, &s.Figures), nil
}

func collectScale(dir string, run *v1.NightRun) ([]v1.Metric, error) {
	d, err := reports.ReadScale(dir)
	if err != nil {
		return nil, err
	}
	s := summary.Of(d)
	run.Verdict, run.Reasons, run.Kubernetes = s.Verdict, s.Reasons[:min(len(s.Reasons), maxReasons)], d.Run.Kubernetes
	run.Load = d.Run.Profile + "; " + d.Run.Churn
	var out []v1.Metric
	for i := range s.Engines {
		if e := &s.Engines[i]; e.Engine == run.Engine {
			run.EngineVersion = e.Version
			out = append(out, metrics.OfScale(run.Experiment, e)...)
		}
	}
	return out, nil
}

// readSummary reads summary.json, the last file that a run leaves.
func readSummary(dir string, into any) error {
	path := filepath.Join(dir, reports.SummaryFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("it did not come to its end")
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
