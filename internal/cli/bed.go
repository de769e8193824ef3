package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/status"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/testbed"
)

// bed is the testbed that a command asks for.
type bed struct {
	testbed.Options
	set   *pflag.FlagSet
	flags testbed.Flags
	scrape
	status *status.Run
}

// newBed is the default of a command that offers these providers and lacks these flags.
func newBed(offers []string, without ...string) bed {
	return bed{Options: testbed.Defaults(), flags: testbed.Flags{Dash: "--", Offers: offers, Without: without}, status: &status.Run{}}
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
	if entered, err := b.enter(ctx, stdio); entered || err != nil {
		return err
	}
	if fresh {
		*out = reports.Fresh(time.Now(), experiment)
		if err := reports.Claim(*out); err != nil {
			return err
		}
	}
	end, err := b.attend(stdio)
	if err != nil {
		return err
	}
	defer end()
	return do(ctx)
}

// enter runs this program in a sandbox, with its socket for metrics, where one is needed and this
// is not in one. The error of a program that has run is its exit code.
func (b *bed) enter(ctx context.Context, stdio IO) (entered bool, err error) {
	var files []*os.File
	if !sandbox.Inside() && b.Provider == testbed.Lab {
		if files, err = b.handIn(stdio); err != nil {
			return false, err
		}
	}
	code, entered, err := testbed.Enter(ctx, b.Options, stdio.Err, files...)
	if entered && err == nil {
		err = withCode(code)
	}
	return entered, err
}

// run runs do on the testbed; logs is the directory for logs, "" for none.
func (b *bed) run(ctx context.Context, stdio IO, logs string, do func(context.Context, *testbed.Testbed) error) error {
	return testbed.Run(ctx, b.Options, testbed.Log{Dir: logs, Say: stdio.say}, do)
}

// end says where the results are, of a run that failed too, and ends the command by their
// verdict unless something failed.
func (s IO) end(out string, verdict v1.Verdict, failed ...error) error {
	fmt.Fprintf(s.Out, "\nresults: %s\n", out)
	page := filepath.Join(out, reports.PageFile)
	if _, err := os.Stat(page); err == nil {
		fmt.Fprintf(s.Out, "page:    %s\n", page)
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return withCode(v1.ExitCode(verdict))
}
