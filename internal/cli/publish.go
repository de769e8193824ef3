package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/published"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/summary"
	"github.com/netassay/netassay/suites/cases"
)

// publishedDir is where reports are in the repository.
const publishedDir = "reports/published"

func newReportPublish(stdio IO) *cobra.Command {
	var said published.Said
	out, engine := publishedDir, ""
	c := &cobra.Command{
		Use:   "publish DIR --under TEXT --reproduce COMMAND",
		Short: "Make an engine's published report from a result directory",
		Long: `Makes the YAML file that says what one version of an engine did in one kind of place, from the
result directory of a whole run of conformance or scale. A file that is there keeps its other
profile: publish one run of each, and both are in it. A run that is void, damaged or unfinished
is not published.`,
		Example: `  netassay report publish results/20261129-000431-conformance \
    --under '2 CPUs, 24 GiB, nothing else at work' \
    --reproduce 'make conformance ARGS="--seed 2163114118"'
  netassay report table > docs/engines.md`,
		Args: oneDirectory("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			return reportPublish(stdio.Out, args[0], engine, out, said)
		},
	}
	flags := c.Flags()
	flags.StringVar(&said.Under, "under", "", "the machine, what else was at work on it, and what was left out and why")
	flags.StringArrayVar(&said.Reproduce, "reproduce", nil, "a command by which anybody can see it again, may be repeated")
	flags.StringVar(&said.CI, "ci", "", "where the run can be looked at")
	flags.StringVar(&said.URL, "url", "", "of the engine's project (default: where its module is)")
	flags.StringVar(&engine, "of", "", "the engine, of a scale run of several")
	flags.StringVar(&out, "out", out, "directory of the reports")
	return c
}

func reportPublish(w io.Writer, dir, engine, out string, said published.Said) error {
	found, err := reports.Salvage(dir)
	if err != nil {
		return err
	}
	if !found.Whole() {
		return fmt.Errorf("%s is not whole: see netassay report validate %s", dir, dir)
	}
	r, err := reportOf(found, engine, said)
	if err != nil {
		return err
	}
	path := filepath.Join(out, r.File())
	if text, err := os.ReadFile(path); err == nil {
		had, err := published.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		had.Merge(r)
		r = had
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read published report: %w", err)
	}
	text, err := published.Encode(r)
	if err != nil {
		return fmt.Errorf("publish %s: %w", dir, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("publish %s: %w", dir, err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("publish %s: %w", dir, err)
	}
	_, err = fmt.Fprintln(w, path)
	return err
}

func reportOf(found *reports.Salvaged, engine string, said published.Said) (*published.Report, error) {
	switch run := found.Run.(type) {
	case *v1.Run:
		all, err := cases.Load()
		if err != nil {
			return nil, err
		}
		said.URL = projectOf(run.Engine, said.URL)
		return published.OfSuite(run, max(len(all), len(run.Cases)), said), nil
	case *v1.ScaleData:
		sum := summary.Of(run)
		i := slices.IndexFunc(sum.Engines, func(e v1.EngineSummary) bool { return e.Engine == engine })
		if engine == "" && len(sum.Engines) == 1 {
			i = 0
		}
		if i < 0 {
			return nil, fmt.Errorf("%s is a run of %d engines, and %q is none of them: name one with --of", found.Dir, len(sum.Engines), engine)
		}
		said.URL = projectOf(sum.Engines[i].Engine, said.URL)
		return published.OfScale(&run.Run, sum.Verdict, &sum.Engines[i], said), nil
	}
	return nil, fmt.Errorf("%s is of %s: runs of conformance and of scale are published", found.Dir, found.Experiment())
}

// projectOf is where an engine's project is: as the user says, else where its module is.
func projectOf(engine, said string) string {
	if said != "" {
		return said
	}
	program := engine
	if e, err := registry.Lookup(engine); err == nil {
		program = e.Program // several engines may have one
	}
	if p, ok := binaries.LookupPeer(program); ok {
		return "https://" + p.Path
	}
	return "https://github.com/netassay/netassay"
}

func newReportTable(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "table [DIR]",
		Short: "Put the published reports beside each other, as Markdown",
		Long: `Makes docs/engines.md from the published reports in a directory (reports/published), and from
nothing else. A file that is not whole, or has another name than its contents say, is refused.`,
		Example: `  netassay report table > docs/engines.md`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("got %d directories: give one at most, %s [DIR]", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return reportTable(stdio.Out, append(args, publishedDir)[0])
		},
	}
}

func reportTable(w io.Writer, dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return fmt.Errorf("read published reports: %w", err)
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s has no published report: give a directory that has, such as %s in the repository", dir, publishedDir)
	}
	var all []*published.Report
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read published reports: %w", err)
		}
		r, err := published.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if r.File() != filepath.Base(path) {
			return fmt.Errorf("%s: what it holds belongs in %s: rename it", path, r.File())
		}
		all = append(all, r)
	}
	var page bytes.Buffer
	if err := published.Table(&page, all, "../"+publishedDir); err != nil {
		return err
	}
	_, err = page.WriteTo(w)
	return err
}
