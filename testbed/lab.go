package testbed

import (
	"cmp"
	"context"
	"io"
	"os"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/sandbox"
)

// Enter runs this same program, with its arguments, again inside a sandbox when the provider
// works there only and this process is not in one. Outside it finds out what is missing, all
// of it at once, and builds what can be built, because inside there is no network to get it
// by. entered says that the program has run, and ended with code;
// inside it finds files by sandbox.ExtraFiles.
func Enter(ctx context.Context, o Options, progress io.Writer, files ...*os.File) (code int, entered bool, err error) {
	if sandbox.Inside() {
		return 0, false, nil
	}
	if own := o.own(); own != nil {
		s, needed := own.(NeedsSandbox)
		if !needed {
			return 0, false, nil
		}
		err = s.Prepare(ctx)
	} else {
		if o.Provider != Lab {
			return 0, false, nil
		}
		err = o.prepareLab(ctx, progress)
	}
	if err != nil {
		return 0, false, err
	}
	code, err = sandbox.Enter(sandbox.Options{ExtraFiles: files})
	return code, err == nil, err
}

func (o Options) prepareLab(ctx context.Context, progress io.Writer) error {
	entry, named, err := o.named()
	if err != nil {
		return err
	}
	problems := sandbox.Preflight()
	if entry.Preflight != nil {
		problems = append(problems, entry.Preflight()...)
	}
	if err := Unfit(problems); err != nil {
		return err
	}
	if _, err := o.labConfig(ctx, Log{}, progress); err != nil || !named {
		return err
	}
	_, err = entry.Build(ctx, binaries.Finder(progress))
	return err
}

// Unfit is an *UnfitError of what a machine lacks, nil when that is nothing.
func Unfit(problems []sandbox.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	unfit := &UnfitError{}
	for _, p := range problems {
		unfit.Lines = append(unfit.Lines, p.String())
	}
	return unfit
}

// named is the engine that goes by a name; none when it is the caller's own.
func (o Options) named() (entry registry.Entry, named bool, err error) {
	if o.Engine == "" && o.UnderTest != nil {
		return entry, false, nil
	}
	entry, err = registry.Lookup(cmp.Or(o.Engine, defaultEngine))
	return entry, true, err
}

// labConfig is what a lab is to be like, with the programs that it takes, built into the cache
// when need be.
func (o Options) labConfig(ctx context.Context, log Log, progress io.Writer) (lab.Config, error) {
	set, err := binaries.Ensure(ctx, binaries.Options{Want: lab.Programs(), Progress: progress})
	if err != nil {
		return lab.Config{}, err
	}
	probe, err := binaries.Own(ctx, "probe")
	return lab.Config{
		Nodes: o.Nodes, Families: o.Families, ProxyMode: o.ProxyMode,
		Programs: set, Probe: probe, LogDir: log.Dir, Progress: log.Say,
	}, err
}

func startLab(ctx context.Context, o Options, log Log, t *Testbed) error {
	cfg, err := o.labConfig(ctx, log, nil)
	if err != nil {
		return err
	}
	l, err := lab.Start(ctx, cfg)
	if err != nil {
		return err
	}
	t.Cluster, t.Lab, t.Died = l, l, l.Died()
	t.onDown(func(context.Context, bool) error { return l.Close() })
	return nil
}

// Detach starts a lab called name that outlives this process, with the engine at work in
// it; see ServeLab.
func Detach(ctx context.Context, o Options, name string, log Log, progress io.Writer) (lab.Status, error) {
	if err := o.prepareLab(ctx, progress); err != nil {
		return lab.Status{}, err
	}
	cfg, err := o.labConfig(ctx, log, progress)
	if err != nil {
		return lab.Status{}, err
	}
	cfg.Name = name
	labs, err := lab.DefaultLabs()
	if err != nil {
		return lab.Status{}, err
	}
	return labs.Up(ctx, lab.UpOptions{Config: cfg, Engine: o.EngineName()})
}
