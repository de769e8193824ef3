package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reports/render"
	"github.com/netassay/netassay/testbed"
)

// defaultLab is the name of the lab when nobody names one.
const defaultLab = "lab"

func newLab(stdio IO) *cobra.Command {
	name := defaultLab
	c := &cobra.Command{
		Use:   "lab",
		Short: "A cluster of network namespaces that stays until it is taken down",
		Long: `Starts and stops labs that outlive the command: a real API server, nodes and pods that
are network namespaces, an engine at work. The host's kubectl reaches it; no packet of
it reaches the host or anything beyond.`,
		Example: `  netassay lab up
  kubectl --kubeconfig $(netassay lab kubeconfig) get nodes
  netassay lab exec node1 -- iptables-save -t mangle
  netassay lab logs enforcer-node1
  netassay lab down`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&name, "name", name, "name of the lab")
	c.AddCommand(
		newLabUp(stdio, &name),
		newLabStatus(stdio),
		newLabKubeconfig(stdio, &name),
		newLabExec(&name),
		newLabLogs(stdio, &name),
		newLabDown(stdio, &name),
	)
	return c
}

func newLabUp(stdio IO, name *string) *cobra.Command {
	b := newBed([]string{testbed.Lab})
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a lab and return when it is ready",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := b.check(); err != nil {
				return err
			}
			return labUp(c.Context(), stdio, *name, b.Options)
		},
	}
	b.register(c.Flags())
	return c
}

func labUp(ctx context.Context, stdio IO, name string, o testbed.Options) error {
	status, err := testbed.Detach(ctx, o, name, testbed.Log{Say: stdio.say}, stdio.Err)
	if err != nil {
		return err
	}
	suffix := ""
	if name != defaultLab {
		suffix = " --name " + name
	}
	_, err = fmt.Fprintf(stdio.Out, `lab %s is ready: %d nodes, engine %s (%.1f s)
  kubectl --kubeconfig $(netassay lab kubeconfig%s) get pods -A -o wide
  netassay lab down%s
`, name, status.Nodes, o.EngineName(), status.ReadySeconds, suffix, suffix)
	return err
}

// withLabs is the work of a command on the labs of this user.
func withLabs(do func(context.Context, lab.Labs) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		labs, err := lab.DefaultLabs()
		if err != nil {
			return err
		}
		return do(c.Context(), labs)
	}
}

func newLabStatus(stdio IO) *cobra.Command {
	output := "table"
	c := &cobra.Command{
		Use:   "status",
		Short: "List the labs and how they are",
		Args:  noArgs,
		RunE: withLabs(func(_ context.Context, labs lab.Labs) error {
			all, err := labs.List()
			if err != nil {
				return err
			}
			return printLabs(stdio.Out, output, all)
		}),
	}
	c.Flags().StringVarP(&output, "output", "o", output, "table or json")
	return c
}

func printLabs(w io.Writer, output string, all []lab.Status) error {
	switch output {
	case "json":
		return render.JSON(w, all)
	case "table":
	default:
		return suggest.Unknown("output format", output, []string{"table", "json"})
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no labs; start one: netassay lab up")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tSTATE\tAGE\tNODES\tFAMILIES\tSERVER\tPROBLEM")
	for _, s := range all {
		age := time.Since(s.Created).Round(time.Second)
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", s.Name, s.State, age, s.Nodes, s.Families, s.Server, s.Problem)
	}
	return tw.Flush()
}

func newLabKubeconfig(stdio IO, name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of the lab's kubeconfig",
		Args:  noArgs,
		RunE: withLabs(func(_ context.Context, labs lab.Labs) error {
			path, err := labs.KubeconfigPath(*name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(stdio.Out, path)
			return err
		}),
	}
}

func newLabDown(stdio IO, name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop a lab; nothing of it is left",
		Args:  noArgs,
		RunE: withLabs(func(ctx context.Context, labs lab.Labs) error {
			if err := labs.Down(ctx, *name); err != nil {
				return err
			}
			_, err := fmt.Fprintf(stdio.Out, "lab %s is gone\n", *name)
			return err
		}),
	}
}

func newClean(stdio IO) *cobra.Command {
	all, there := false, cleanThere{older: 6 * time.Hour, bed: newBed([]string{testbed.Existing}, cleanLacks()...)}
	there.bed.Provider = testbed.Existing
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove what killed runs have left behind",
		Long: `Removes what is left of labs and of kind clusters whose processes were killed: directories,
containers, networks. Those that run stay, and so do clusters that were kept by --keep,
unless --all is given. Clusters that this program has not made are never touched.

With --context or --kubeconfig it looks instead at that cluster, which was there before, for
namespaces of runs that were killed, by the label netassay.dev/run, and removes those of
runs that made none for --older. --run removes those of one run, whatever its age.`,
		Example: `  netassay clean
  netassay clean --context my-cluster
  netassay clean --context my-cluster --run 3f2a1b`,
		Args: noArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if set := c.Flags(); set.Changed("context") || set.Changed("kubeconfig") {
				return there.clean(c.Context(), stdio)
			} else if set.Changed("run") || set.Changed("older") {
				return errors.New("--run and --older are for a cluster that was there before: name it by --context or --kubeconfig")
			}
			return withLabs(func(ctx context.Context, labs lab.Labs) error { return cleanHere(ctx, stdio, labs, all) })(c, args)
		},
	}
	c.Flags().BoolVar(&all, "all", all, "also stop the labs and remove the kind clusters that are in use or were kept")
	there.bed.register(c.Flags())
	c.Flags().StringVar(&there.run, "run", "", "remove the namespaces of this run alone, at once")
	c.Flags().DurationVar(&there.older, "older", there.older, "remove the namespaces of runs that have made none for that long")
	return c
}

// cleanHere removes what is left on this machine.
func cleanHere(ctx context.Context, stdio IO, labs lab.Labs, all bool) error {
	done, err := labs.Clean(ctx, all)
	more, kindErr := kind.Clean(ctx, all)
	done, err = append(done, more...), errors.Join(err, kindErr)
	for _, line := range done {
		fmt.Fprintln(stdio.Out, line)
	}
	if len(done) == 0 && err == nil {
		fmt.Fprintln(stdio.Out, "nothing was left behind")
	}
	return err
}

// liveLab is the status of the lab called name, which must be running.
func liveLab(name string) (lab.Status, error) {
	labs, err := lab.DefaultLabs()
	if err != nil {
		return lab.Status{}, err
	}
	s, err := labs.Status(name)
	if err != nil {
		return s, err
	}
	if s.State == lab.Dead {
		return s, fmt.Errorf("%s: the lab is not running: netassay lab up", name)
	}
	return s, nil
}
