package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/testbed"
)

// bed is the testbed that a command asks for.
type bed struct {
	testbed.Options
	set   *pflag.FlagSet
	flags testbed.Flags
}

// newBed is the default of a command that offers these providers and lacks these flags.
func newBed(offers []string, without ...string) bed {
	return bed{Options: testbed.Defaults(), flags: testbed.Flags{Dash: "--", Offers: offers, Without: without}}
}

func (b *bed) register(set *pflag.FlagSet) {
	b.set = set
	b.flags.Register(set, &b.Options)
}

// check refuses wrong values, and flags without effect, before anything starts.
func (b *bed) check() error { return b.flags.Check(b.set, b.Options) }

// inside runs do where the testbed can be brought up, which may be in this same program's
// other life, inside a sandbox. out is the result directory, nil when there is none; when it
// is empty it becomes a fresh one, called as the experiment.
func (b *bed) inside(ctx context.Context, stdio IO, out *string, experiment string, do func(context.Context) error) error {
	fresh := out != nil && *out == ""
	if out != nil && !fresh {
		if err := reports.Claim(*out); err != nil {
			return err
		}
	}
	code, entered, err := testbed.Enter(ctx, b.Options, stdio.Err)
	switch {
	case err != nil:
		return err
	case entered:
		return withCode(code)
	case fresh:
		*out = reports.Fresh(time.Now(), experiment)
		if err := reports.Claim(*out); err != nil {
			return err
		}
	}
	return do(ctx)
}

// run runs do on the testbed; logs is the directory for logs, "" for none.
func (b *bed) run(ctx context.Context, stdio IO, logs string, do func(context.Context, *testbed.Testbed) error) error {
	return testbed.Run(ctx, b.Options, testbed.Log{Dir: logs, Say: stdio.say}, do)
}

// end says where the results are, and ends the command by their verdict unless something
// failed.
func (s IO) end(out string, verdict v1.Verdict, failed ...error) error {
	fmt.Fprintf(s.Out, "\nresults: %s\n", out)
	if page := filepath.Join(out, reports.PageFile); errors.Join(failed...) == nil {
		fmt.Fprintf(s.Out, "page:    %s\n", page)
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return withCode(v1.ExitCode(verdict))
}

// say prints a line of progress.
func (s IO) say(line string) { fmt.Fprintln(s.Err, line) }
