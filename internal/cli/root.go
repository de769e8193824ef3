package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/suites/fuzz"
)

// IO is where a command writes, results to Out, progress and errors to Err, and what it may read. It also has what
// only the program can give.
type IO struct {
	Out io.Writer
	Err io.Writer
	// In is what the path - reads; nil: nothing.
	In io.Reader
	// Paper is the reference enforcer, asked without a kernel; nil in programs that lack it.
	Paper fuzz.Paper

	// command is what was typed, for reports.
	command []string
}

// Main runs netassay with args (without the program's name) and returns its exit code.
func Main(ctx context.Context, args []string, stdio IO) int {
	stdio = stdio.onTerminal()
	stdio.command = append([]string{"netassay"}, args...)
	root := newRoot(stdio)
	root.SetArgs(args)
	return exitCode(ctx, root.ExecuteContext(ctx), stdio.Err)
}

func newRoot(stdio IO) *cobra.Command {
	root := &cobra.Command{
		Use:   "netassay",
		Short: "Assay Kubernetes NetworkPolicy enforcement",
		Long: `netassay reports whether what enforces your NetworkPolicies is right, with real packets
through a real kernel, driven by a real kube-apiserver.

It brings its own cluster, the lab: nodes and pods are network namespaces, no Docker and
no root needed, no way out for any packet. The first run builds Kubernetes from source
into a cache; later ones start in seconds.`,
		Example: `  netassay conformance                     # judge the reference enforcer, all cases
  netassay conformance --engine none       # the harness must convict an engine that does nothing
  netassay conformance --feature EndPort   # only what has to do with endPort
  netassay fuzz --duration 2m              # the same with cases that are drawn
  netassay footprint                       # what one agent costs at 250 nodes, 20,000 pods
  netassay nightly                         # the standard set, and what has changed since when
  netassay verify                          # the AKS documentation's own check
  netassay reach -f deploy/                # who can talk to whom by your own policies
  netassay assert -f manifests             # your own policies: do they say what you mean?
  netassay migrate check -f manifests --from azure-npm --to cilium # will they still?
  netassay audit --context prod            # does your cluster do what they say?
  netassay lab up                          # a cluster to play with; kubectl works`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              knownCommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(stdio.Out)
	root.SetErr(stdio.Err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newConformance(stdio),
		newVerify(stdio),
		newFuzz(stdio),
		newChaos(stdio),
		newScale(stdio),
		newFootprint(stdio),
		newMigrate(stdio),
		newNightly(stdio),
		newTrend(stdio),
		newReport(stdio),
		newDiff(stdio),
		newSnapshot(stdio),
		newReach(stdio),
		newExplain(stdio),
		newAssert(stdio),
		newAudit(stdio),
		newCases(stdio),
		newEngines(stdio),
		newSonobuoy(stdio),
		newJob(stdio),
		newRunInCluster(stdio),
		newLab(stdio),
		newClean(stdio),
		newVersion(stdio),
	)
	return root
}

// knownCommand is the argument check of commands that only have sub-commands.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return suggest.Unknown("command", args[0], names)
}

// noArgs refuses arguments in one line.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q: %s takes none", args[0], c.CommandPath())
	}
	return nil
}

// twoResults is the argument check of commands that compare.
func twoResults(c *cobra.Command, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("got %d results: give two, %s BASE HEAD", len(args), c.CommandPath())
	}
	return nil
}

// someResults is the argument check of commands that read result directories; name is how their
// help calls one.
func someResults(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("give result directories: %s %s [%s...]", c.CommandPath(), name, name)
		}
		return nil
	}
}

// oneDirectory is the argument check of commands that read one; name is how their help calls it.
func oneDirectory(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("got %d directories: give one, %s %s", len(args), c.CommandPath(), name)
		}
		return nil
	}
}

// flagError turns pflag's error about an unknown flag into one with the nearest flags.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	const unknown = "unknown flag: --"
	name, found := strings.CutPrefix(text, unknown)
	if !found {
		return fmt.Errorf("%s: see %s --help", text, c.CommandPath())
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	near := suggest.Nearest(name, names)
	if len(near) == 0 {
		return fmt.Errorf("unknown flag --%s: see %s --help", name, c.CommandPath())
	}
	return fmt.Errorf("unknown flag --%s: did you mean --%s?", name, strings.Join(near, ", --"))
}

func newEngines(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "engines",
		Short: "List the engines that can be put under test on the lab",
		Long: `Lists the engines that --engine takes. Those with a version are other projects' programs:
each is built from its Go module into the cache when it is first asked for, which takes some
minutes once (docs/peers.md).`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			tw := tabwriter.NewWriter(stdio.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "ENGINE\tVERSION\tWHAT IT IS")
			for _, e := range registry.Entries() {
				fmt.Fprintf(tw, "%s\t%s\t%s\n", e.Name, cmp.Or(e.Version, "-"), e.Description)
			}
			return tw.Flush()
		},
	}
}

// version is stamped by the Makefile; a plain go build says where it came from itself.
var version string

// toolVersion is the version of this program, for reports.
func toolVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

func newVersion(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(stdio.Out, "netassay %s %s %s/%s\n", toolVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
