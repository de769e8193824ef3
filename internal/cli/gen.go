package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/incluster/manifest"
	"github.com/netassay/netassay/testbed"
)

// newSonobuoy and newJob are the two kinds of manifests. Both have a command for each experiment,
// with its own flags and those of the pod.
func newSonobuoy(stdio IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "sonobuoy",
		Short: "Run experiments as plugins of Sonobuoy",
		Long: `Prints definitions of plugins, by which Sonobuoy runs an experiment in the cluster that it
judges (docs/sonobuoy.md).`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newGen(stdio, "Print the definition of a Sonobuoy plugin", manifest.Plugin, func(*pflag.FlagSet, *manifest.Options) {}))
	return c
}

func newJob(stdio IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "job",
		Short: "Run experiments as Jobs of the cluster that they judge",
		Long: `Prints manifests of plain Jobs that run an experiment in the cluster that it judges, with
namespace, service account and the least rights that the experiment needs (docs/sonobuoy.md).`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newGen(stdio, "Print the manifest of a Job", manifest.Job, func(set *pflag.FlagSet, o *manifest.Options) {
		set.StringVar(&o.Namespace, "namespace", "netassay", "namespace of the Job, which the manifest makes")
		set.DurationVar(&o.Keep, "fetch-within", time.Hour, "how long results can be fetched when the experiment is over")
	}))
	return c
}

// newGen prints manifests, one command per experiment; more are the flags of this kind of them.
func newGen(stdio IO, short string, make func(manifest.Options) ([]byte, error), more func(*pflag.FlagSet, *manifest.Options)) *cobra.Command {
	gen := &cobra.Command{
		Use:   "gen",
		Short: short,
		Long: short + `, for conformance, scale or verify. Flags are those of the experiment, as
far as they make sense in a pod, and those of the pod itself.`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, e := range podExperiments() {
		g := generator{experiment: e, pod: manifest.Options{Deadline: podDeadline, Grace: podGrace}}
		c := &cobra.Command{
			Use:     e.name,
			Short:   short + " for netassay " + e.name,
			Long:    short + " that runs netassay " + e.name + " in the cluster.",
			Example: "  netassay … gen " + e.name + " > " + e.name + ".yaml\n  netassay … gen " + e.name + " --registry registry.example:5000/copies",
			Args:    noArgs,
			RunE: func(*cobra.Command, []string) error {
				o, err := g.options()
				if err != nil {
					return err
				}
				text, err := make(o)
				if err != nil {
					return err
				}
				_, err = stdio.Out.Write(text)
				return err
			},
		}
		g.register(c)
		more(c.Flags(), &g.pod)
		gen.AddCommand(c)
	}
	return gen
}

// podExperiment is an experiment that manifests are made for.
type podExperiment struct {
	name     string
	register func(c *cobra.Command) podFlags
	hidden   []string // flags of it that have no sense in any pod
}

// podFlags are the flags of an experiment in a pod: its cluster, their check, and the rights that
// it then needs.
type podFlags struct {
	bed    *bed
	check  func() error
	rights func() []clusters.Permission
}

// generator makes the options of a manifest from flags.
type generator struct {
	experiment podExperiment
	podFlags
	pod    manifest.Options
	own    string // image of netassay; "" is the published one
	memory string
}

// register makes the flags of the experiment, which are noted as they are given, and of the pod.
func (g *generator) register(c *cobra.Command) {
	g.podFlags = g.experiment.register(c)
	g.pod.Experiment = g.experiment.name
	c.Flags().VisitAll(func(f *pflag.Flag) {
		f.Value = noted{f.Value, f.Name, &g.pod.Args}
		if f.DefValue == "[]" || f.DefValue == "0s" {
			f.DefValue = "" // which help would show, as it knows the bare types alone
		}
		f.Hidden = slices.Contains(notInPods(), f.Name) || slices.Contains(g.experiment.hidden, f.Name)
	})
	set := c.Flags()
	set.StringVar(&g.own, "netassay-image", "", "image of this program, best by its digest (default: the published one, or its copy in --registry)")
	set.StringVar(&g.memory, "memory", "1Gi", "that the experiment may use")
	set.StringSliceVar(&g.pod.PullSecrets, "image-pull-secret", nil, "Secret in the pod's namespace by which its own image is pulled; may be repeated")
	set.DurationVar(&g.pod.Deadline, "run-deadline", g.pod.Deadline, "after which the experiment is asked to end; shorter than Sonobuoy's --timeout")
	set.DurationVar(&g.pod.Grace, "run-grace", g.pod.Grace, "how long it then has to end")
}

// notInPods are flags that name files of this machine, or that are set in a pod.
func notInPods() []string {
	return []string{"out", "resume", "cases", "list", "dry-run", "kubeconfig", "context", "pull-secret", "keep"}
}

// noted is a flag of the experiment. What it is given becomes an argument in the pod.
type noted struct {
	pflag.Value
	name string
	args *[]string
}

func (n noted) Set(value string) error {
	if slices.Contains(notInPods(), n.name) {
		return errors.New("it is not for a pod")
	}
	if err := n.Value.Set(value); err != nil {
		return err
	}
	*n.args = append(*n.args, "--"+n.name+"="+value)
	return nil
}

// options are those of the manifest, when all flags are right.
func (g *generator) options() (manifest.Options, error) {
	o := g.pod
	if err := g.check(); err != nil {
		return o, err
	}
	if g.bed.Engine != "" && g.bed.Engine != "none" {
		return o, fmt.Errorf("--engine %s: in a pod netassay deploys none: install it, and leave --engine away", g.bed.Engine)
	}
	var err error
	if o.Memory, err = resource.ParseQuantity(g.memory); err != nil {
		return o, fmt.Errorf("--memory %q: %w", g.memory, err)
	}
	if err := checkTimes("run-", o.Deadline, o.Grace); err != nil {
		return o, err
	}
	if o.Tolerations, err = testbed.Tolerations(g.bed.Tolerate); err != nil {
		return o, fmt.Errorf("--tolerate %w", err)
	}
	o.Image = g.own
	if o.Image == "" {
		o.Image = existing.Published("netassay", g.bed.Registry)
	}
	if strings.ContainsAny(o.Image, " \t\n\"'") {
		return o, fmt.Errorf("--netassay-image %q is no name of an image", o.Image)
	}
	o.Rights = rightsOf(slices.Concat(g.rights(), existing.Looks()))
	return o, nil
}

// rightsOf are permissions, one for each verb of each kind; the first to ask for it says why.
func rightsOf(all []clusters.Permission) []manifest.Right {
	var rights []manifest.Right
	for _, p := range all {
		for _, v := range p.Verbs {
			one := manifest.Right{Group: p.Group, Resource: p.Rule(), Verb: v.Name, Why: v.Why}
			if !slices.ContainsFunc(rights, func(r manifest.Right) bool {
				return r.Group == one.Group && r.Resource == one.Resource && r.Verb == one.Verb
			}) {
				rights = append(rights, one)
			}
		}
	}
	return rights
}
