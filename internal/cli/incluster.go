package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/incluster"
	"github.com/netassay/netassay/incluster/manifest"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/testbed"
)

// How long an experiment in a pod may take, and how long it then has to end.
const (
	podDeadline = 5*time.Hour + 30*time.Minute
	podGrace    = 30 * time.Second
)

// checkTimes refuses such times that are none; their flags begin with prefix.
func checkTimes(prefix string, deadline, grace time.Duration) error {
	if deadline <= 0 || grace <= 0 {
		return fmt.Errorf("--%[1]sdeadline %[2]v, --%[1]sgrace %[3]v: give times above 0", prefix, deadline, grace)
	}
	return nil
}

// inClusterExperiments are the commands that can be run in a pod of the cluster that they judge.
func inClusterExperiments() []string { return []string{"conformance", "fuzz", "scale", "verify"} }

func newRunInCluster(stdio IO) *cobra.Command {
	o := incluster.Options{Log: stdio.Err, Dir: resultsDir(), Deadline: podDeadline, Grace: podGrace}
	c := &cobra.Command{
		Use:   "run-in-cluster [flags] -- EXPERIMENT [flags of the experiment]",
		Short: "Run an experiment in a pod, and leave results whatever happens to it",
		Long: `Runs netassay conformance, scale, verify or fuzz as a process of its own, on the cluster that the pod
is in, and leaves in the results directory: netassay.tar.gz, with the whole result directory,
the log and a JUnit document; and then a file called done that names it. That is what
Sonobuoy's worker waits for. It is written when the experiment passed, failed, could not be
done, was killed, was stopped by SIGTERM, or took longer than the deadline. What did not
come to its end is an error in the JUnit document, never a pass.

Against the death of this process itself, netassay run-in-cluster watch runs in a second
container. netassay sonobuoy gen and netassay job gen print pods that have both.

Exit code 0: results are there, whatever they say. 2: they could not be written.`,
		Example: `  netassay run-in-cluster -- conformance --feature EndPort
  netassay run-in-cluster --results /results --deadline 1h -- verify`,
		Args: experimentArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkTimes("", o.Deadline, o.Grace); err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find own program: %w", err)
			}
			o.Argv = append([]string{self}, inClusterArgs(args, o.Dir)...)
			return incluster.Run(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.Dir, "results", o.Dir, "directory for results, on a volume that the watching container shares")
	flags.DurationVar(&o.Deadline, "deadline", o.Deadline, "after which the experiment is asked to end; shorter than Sonobuoy's --timeout")
	flags.DurationVar(&o.Grace, "grace", o.Grace, "how long the experiment has to end before it is killed; shorter than the pod's")
	if port := os.Getenv("SONOBUOY_PROGRESS_PORT"); port != "" {
		o.Progress = "http://localhost:" + port + "/progress"
	}
	c.AddCommand(newWatchInCluster(stdio), newResultsInCluster(stdio))
	return c
}

// resultsDir is where Sonobuoy wants results.
func resultsDir() string {
	if dir := os.Getenv("SONOBUOY_RESULTS_DIR"); dir != "" {
		return dir
	}
	return manifest.ResultsDir
}

// experimentArgs refuses what is no experiment, and flags that are set here.
func experimentArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 || c.ArgsLenAtDash() != 0 {
		return fmt.Errorf("%s wants an experiment after --: %s", c.CommandPath(), c.UseLine())
	}
	if err := suggest.OneOf("experiment", args[0], inClusterExperiments()...); err != nil {
		return err
	}
	for _, arg := range args[1:] {
		name, _, _ := strings.Cut(arg, "=")
		switch name {
		case "--out", "--provider", "--resume":
			return fmt.Errorf("%s can't be given here: it is set by %s", name, c.CommandPath())
		}
	}
	return nil
}

// inClusterArgs are the arguments of the experiment's process.
func inClusterArgs(args []string, dir string) []string {
	all := []string{args[0], "--provider=" + testbed.Existing, "--out=" + incluster.OutPath(dir)}
	return append(all, args[1:]...)
}

func newWatchInCluster(stdio IO) *cobra.Command {
	dir, start, stay := resultsDir(), 15*time.Minute, time.Duration(0)
	c := &cobra.Command{
		Use:   "watch",
		Short: "Leave results in place of a run-in-cluster that was killed",
		Long: `Waits, in a container beside that of netassay run-in-cluster with the same volume, until
results are there. When that container was killed (for want of memory, say) or never came to
start the experiment, it leaves what there is as unfinished. It ends when results are there,
and with --stay when they were fetched.`,
		Example: `  netassay run-in-cluster watch --results /results`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := incluster.Watch(c.Context(), dir, start, stdio.Err); err != nil {
				return err
			}
			incluster.Keep(c.Context(), dir, stay)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "results", dir, "directory for results")
	c.Flags().DurationVar(&start, "start", start, "how long the experiment may take to be started")
	c.Flags().DurationVar(&stay, "stay", stay, "how long to stay then, so that netassay run-in-cluster results can be called here")
	return c
}

func newResultsInCluster(stdio IO) *cobra.Command {
	dir := resultsDir()
	c := &cobra.Command{
		Use:   "results",
		Short: "Write the results of a run-in-cluster to standard output, when they are there",
		Long: `Waits until the results of netassay run-in-cluster are there and writes the archive to standard
output. It is for kubectl exec into the watching container, which has no tar.`,
		Example: `  kubectl exec -n netassay job/netassay-conformance -c watch -- /netassay run-in-cluster results > netassay.tar.gz`,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return incluster.Fetch(c.Context(), dir, stdio.Out) },
	}
	c.Flags().StringVar(&dir, "results", dir, "directory for results")
	return c
}
