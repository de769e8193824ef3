package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/assert/files"
	"github.com/netassay/netassay/reach/assert/packets"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/mutate"
	"github.com/netassay/netassay/reports/render"
	"github.com/netassay/netassay/reports/status"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/testbed"
)

// assertOptions are what netassay assert can be told.
type assertOptions struct {
	source
	output  string
	mutate  bool
	noticed float64
	live    bool
	lab     conformanceFlags // of --live
}

func newAssert(stdio IO) *cobra.Command {
	o := assertOptions{output: "table", lab: conformanceFlags{
		bed: newBed([]string{testbed.Lab}, "ip-family", "nodes"), settings: conformance.Defaults(),
	}}
	c := &cobra.Command{
		Use:   "assert -f PATH [-f PATH...]",
		Short: "Hold your own policies against what you expect of them",
		Long: `Reads manifests (files, directories, or what helm template and kustomize build print), a snapshot or
a cluster, and what is expected of it, and says which expectations the policies do not keep: on paper, by the
specification, in milliseconds, without a cluster.

Expectations are lines in a YAML file among the manifests or beside them (docs/assert.md):

  expect: |
    *        -> shop/db  deny
    shop/web -> shop/db  allow 5432

Of two lines for one flow the later one counts; what no line speaks of is not judged.

--live plays the same with real packets, on the lab and with an engine, once it holds on paper. Pods
of yours that are alike to policies are played by one or two pods of the lab.

--mutate makes each policy wrong in turn (a peer dropped, a selector widened, a port off by one)
and names the mistakes that the expectations would not notice.

Exit code 0: all expectations hold. 1: some do not, or fewer mistakes are noticed than --min-noticed.
2: nothing could be judged.`,
		Example: `  netassay assert -f manifests -f expectations.yaml
  helm template shop ./chart | netassay assert -f - -f expectations.yaml -n shop
  netassay assert -f manifests --mutate --min-noticed 90
  netassay assert -f manifests -o junit > assert.xml
  netassay assert -f expectations.yaml --snapshot prod.netassay
  netassay assert -f manifests -f expectations.yaml --live --engine calico`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAssert(c.Context(), stdio, &o) },
	}
	o.source.register(c.Flags(), true)
	c.Flags().StringVarP(&o.output, "output", "o", o.output, "table, json or junit")
	c.Flags().BoolVar(&o.mutate, "mutate", false, "name mistakes in the policies that the expectations would not notice")
	c.Flags().Float64Var(&o.noticed, "min-noticed", 0, "with --mutate: percentage of the mistakes that must be noticed")
	c.Flags().BoolVar(&o.live, "live", false, "play the expectations with real packets too, on the lab")
	c.Flags().StringVar(&o.lab.settings.Out, "out", "", "with --live: result directory (default results/<time>-assert-<engine>)")
	o.lab.bed.register(c.Flags())
	return c
}

func (o *assertOptions) check() error {
	if len(o.files) == 0 {
		return errors.New("no expectations are given: give files or directories that have some by -f, or - for standard input")
	}
	if err := o.lab.bed.check(); err != nil {
		return err
	}
	if err := suggest.OneOf("output format", o.output, "table", "json", "junit"); err != nil {
		return err
	}
	switch {
	case o.live && o.output != "table":
		return fmt.Errorf("-o %s is for what is judged on paper: the result directory of --live has JSON and JUnit", o.output)
	case o.live && slices.Contains(o.files, "-"):
		return errors.New("--live reads the manifests twice, which - can't: give files or directories")
	case o.noticed < 0 || o.noticed > 100:
		return fmt.Errorf("--min-noticed %g is no percentage: give 0 to 100", o.noticed)
	case o.noticed > 0 && !o.mutate:
		return errors.New("--min-noticed is about mistakes that nobody has made: give --mutate too")
	}
	return nil
}

func runAssert(ctx context.Context, stdio IO, o *assertOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	in, err := o.input(ctx, stdio)
	if err != nil {
		return err
	}
	plan, err := assert.NewPlan(in.Inventory, in.Expectations)
	if err != nil {
		return err
	}
	// Packets are sent by the second life of the same command line, whose first one has told the rest.
	if !o.live || !sandbox.Inside() {
		if err := assertOnPaper(stdio, in.Inventory, plan, o); err != nil {
			return err
		}
	}
	if o.live {
		return assertLive(ctx, stdio, plan, o)
	}
	return nil
}

// input is what was read: expectations from files, and what they are about from the same files, or
// from a snapshot or a cluster.
func (o *assertOptions) input(ctx context.Context, stdio IO) (*files.Input, error) {
	read, err := o.options(stdio)
	if err != nil {
		return nil, err
	}
	in, err := files.Read(o.files, read)
	if err != nil || o.snapshot == "" && o.bed.Kubeconfig == "" && o.bed.Context == "" {
		return in, err
	}
	if len(in.Inventory.Pods)+len(in.Inventory.Policies) > 0 {
		return nil, errors.New("-f has manifests, and --snapshot, --context and --kubeconfig say where else to read: give one of them, and by -f the expectations")
	}
	elsewhere := o.source
	elsewhere.files, elsewhere.podCIDRs = nil, nil
	in.Inventory, _, err = elsewhere.read(ctx, stdio)
	return in, err
}

// assertOnPaper asks the oracle.
func assertOnPaper(stdio IO, inv *inventory.Inventory, plan *assert.Plan, o *assertOptions) error {
	began := time.Now()
	tellForeign(stdio, inv)
	result := asserted{Report: plan.Check()}
	switch {
	case o.mutate && result.Failed() > 0:
		stdio.say("note: no mistakes were made: --mutate needs expectations that hold")
	case o.mutate:
		result.Mutations = judgeMistakes(stdio, inv, plan)
	}
	if err := result.write(stdio.Out, o.output, began); err != nil {
		return fmt.Errorf("write what was asserted: %w", err)
	}
	if result.Failed() > 0 || result.Mutations != nil && result.Mutations.Percent() < o.noticed {
		return withCode(exitFail)
	}
	return nil
}

// assertLive plays a plan that holds on paper with packets.
func assertLive(ctx context.Context, stdio IO, plan *assert.Plan, o *assertOptions) error {
	play, err := packets.New(plan)
	if err != nil {
		return err
	}
	f := &o.lab
	f.settings.Paths, f.settings.FixtureSets = cases.CasePaths, 1
	out := &f.settings.Out
	return f.bed.inside(ctx, stdio, out, "assert-"+f.bed.Label(), func(ctx context.Context) error {
		return f.bed.run(ctx, stdio, filepath.Join(*out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
			run, err := f.play(ctx, stdio, t, []cases.Case{play.Case}, nil)
			if run == nil {
				return err
			}
			live := play.Read(run)
			fmt.Fprint(stdio.Out, live)
			return stdio.end(*out, live.Verdict(), err)
		})
	})
}

// tellForeign says which policies take no part: what they allow or deny is not known here.
func tellForeign(stdio IO, inv *inventory.Inventory) {
	for _, k := range inv.Foreign {
		stdio.say(fmt.Sprintf("note: %d %s left out: only networking.k8s.io NetworkPolicies are understood", k.N, k))
	}
}

// judgeMistakes shows how far it is: with many policies it takes a while.
func judgeMistakes(stdio IO, inv *inventory.Inventory, plan *assert.Plan) *mutate.Matrix {
	progress := make(chan [2]int, 1)
	hide := show(stdio, func(time.Time) []status.Part {
		select {
		case p := <-progress:
			return []status.Part{{Text: fmt.Sprintf("mistakes %d of %d", p[0], p[1])}}
		default:
			return nil
		}
	})
	defer hide()
	return mutate.Judge(inv, plan, func(done, of int) {
		select {
		case <-progress:
		default:
		}
		progress <- [2]int{done, of}
	})
}

// asserted is all that came out.
type asserted struct {
	*assert.Report
	Mutations *mutate.Matrix `json:"mutations,omitempty"`
}

func (a *asserted) write(w io.Writer, output string, began time.Time) error {
	switch output {
	case "json":
		return render.JSON(w, a)
	case "junit":
		return render.ChecksJUnit(w, "assert", began, time.Now(), a.checks())
	}
	if err := a.Table(w); err != nil || a.Mutations == nil {
		return err
	}
	fmt.Fprintln(w)
	return a.Mutations.Table(w)
}

// checks are the expectations, and the mistakes that change a flow, one each.
func (a *asserted) checks() (all []render.Checked) {
	for i := range a.Lines {
		l := &a.Lines[i]
		c := render.Checked{Class: "assert", Name: fmt.Sprintf("%s:%d: %s", l.File, l.Line, l.Text), Details: l.String()}
		if l.Wrong > 0 {
			c.Wrong = fmt.Sprintf("%d of %d flows are not as expected", l.Wrong, l.Flows)
		}
		all = append(all, c)
	}
	if a.Mutations == nil {
		return all
	}
	for _, m := range a.Mutations.Mistakes {
		if m.Outcome == mutate.Same {
			continue
		}
		c := render.Checked{Class: "mutate", Name: strings.Join(strings.Fields(fmt.Sprintf("%s %s: %s", m.Policy, m.Field, m.Detail)), " ")}
		if m.Outcome == mutate.Unnoticed {
			c.Wrong = "no expectation would notice it; this line would: " + m.Example.Line()
		}
		all = append(all, c)
	}
	return all
}
