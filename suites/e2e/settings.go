package e2e

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/envconf"

	"github.com/netassay/netassay/internal/suggest"
	kindconfigs "github.com/netassay/netassay/kind-configs"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// settings are what the flags of a test binary say.
type settings struct {
	provider  string
	site      testbed.Provider // nil without -provider
	framework *envconf.Config

	place          place
	timing         runner.Timing
	fixtureSets    int
	seed           uint64
	out            string
	runUnsupported bool
}

// place is where cases are played, as far as flags say it.
type place struct {
	engine    string
	family    string
	proxyMode string
	nodes     int
	topology  string
	nodeImage string
	registry  string
	images    map[string]string

	restricted bool
	pullSecret string
	keep       bool
	// The framework's own flags.
	kubeconfig, context string
}

// register adds our flags. Their names are those of the command line.
func (s *settings) register(flags *flag.FlagSet) {
	flags.StringVar(&s.provider, "provider", "", "where to play cases: lab, kind or existing")
	flags.StringVar(&s.place.engine, "engine", "", "engine under test (default reference; with -provider existing, what is there)")
	flags.StringVar(&s.place.family, "ip-family", "", "lab: IP families of pods: ipv4, ipv6 or dual (default dual); existing: which there are (default: found out)")
	flags.StringVar(&s.place.proxyMode, "proxy-mode", "iptables", "lab: kube-proxy mode, iptables or nftables")
	flags.IntVar(&s.place.nodes, "nodes", 3, "lab: number of nodes")
	flags.StringVar(&s.place.topology, "topology", "", "kind: "+strings.Join(kindconfigs.Names(), ", ")+" (default "+kindconfigs.Default+")")
	flags.StringVar(&s.place.nodeImage, "node-image", "", "kind: image of the nodes (default: our own, built when need be)")
	flags.StringVar(&s.place.registry, "registry", "", "existing: host[:port]/path of a registry with copies of the images")
	flags.Func("image", "existing: what nodes pull, e.g. probe=registry.example/probe:v1; may be repeated", s.place.image)
	flags.BoolVar(&s.place.restricted, "restricted", false, "kind and existing: pods that conform to the restricted Pod Security Standard; SCTP is skipped")
	flags.StringVar(&s.place.pullSecret, "pull-secret", "", "existing: file in the form of .docker/config.json by which nodes pull images")
	flags.BoolVar(&s.place.keep, "keep", false, "kind and existing: leave the cluster, and what the suite made in it, as it is at the end")
	flags.IntVar(&s.fixtureSets, "fixture-sets", 3, "cases that are played at once, with --parallel")
	flags.Uint64Var(&s.seed, "seed", 0, "order of the cases; 0 takes a fresh one, which is printed")
	flags.StringVar(&s.out, "out", "", "result directory, relative to the module's directory (default results/<time>-conformance-<engine>)")
	flags.DurationVar(&s.timing.Timeout, "probe-timeout", 0, "silence that counts as dropped (default 400ms; where pods are containers 1s, but 400ms where no answer is due)")
	flags.DurationVar(&s.timing.Hold, "hold", 400*time.Millisecond, "how long a verdict must stay right")
	flags.DurationVar(&s.timing.Deadline, "deadline", 0, "how long a step's verdicts may take to become right (default 10s, where pods are containers 30s)")
	flags.BoolVar(&s.runUnsupported, "run-unsupported", false, "also play cases of features that the engine declares unsupported")
}

// servedBy are the flags that belong to one provider or two.
func servedBy() map[string][]string {
	return map[string][]string{
		"ip-family": {"lab", "existing"}, "proxy-mode": {"lab"}, "nodes": {"lab"},
		"topology": {"kind"}, "node-image": {"kind"}, "keep": {"kind", "existing"},
		"registry": {"existing"}, "image": {"existing"}, "restricted": {"kind", "existing"}, "pull-secret": {"existing"},
	}
}

// served refuses flags that would be without effect.
func (s *settings) served(flags *flag.FlagSet) error {
	var errs []error
	flags.Visit(func(f *flag.Flag) {
		if by := servedBy()[f.Name]; by != nil && !slices.Contains(by, s.provider) {
			errs = append(errs, fmt.Errorf("-%s is for -provider %s, not %s", f.Name, strings.Join(by, " and "), s.provider))
		}
	})
	return errors.Join(errs...)
}

// image reads NAME=REFERENCE, or several of these with commas between, as the command line
// does. No reference has a comma.
func (p *place) image(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		name, ref, ok := strings.Cut(one, "=")
		if !ok || name == "" || ref == "" {
			return fmt.Errorf("%q is not NAME=REFERENCE", one)
		}
		if p.images == nil {
			p.images = map[string]string{}
		}
		p.images[name] = ref
	}
	return nil
}

// frameworkFlags are the flags that the framework gives meaning to. When one is defined
// already it silently leaves it alone, and what the user said is lost.
func frameworkFlags() []string {
	return []string{
		"feature", "assess", "labels", "skip-labels", "skip-features", "skip-assessment",
		"parallel", "dry-run", "fail-fast", "disable-graceful-teardown", "namespace",
		"kubeconfig", "context", "feature-gates",
	}
}

// parse registers and reads all flags, once in the life of a program: the framework knows
// no other set than the global one, and panics at the second time.
func (s *Suite) parse() (*settings, error) {
	set := &settings{}
	ours := flag.NewFlagSet("", flag.ContinueOnError)
	set.register(ours)
	if err := unclaimed(ours, flag.CommandLine); err != nil {
		return nil, err
	}
	set.register(flag.CommandLine)
	var err error
	if set.framework, err = parseFramework(); err != nil {
		return nil, err
	}
	// Not from the framework: a library may have defined these, and then it has no values.
	set.place.kubeconfig, set.place.context = valueOf("kubeconfig"), valueOf("context")
	return set, s.complete(set)
}

// unclaimed refuses names that the test package uses itself.
func unclaimed(ours, global *flag.FlagSet) error {
	names := slices.DeleteFunc(frameworkFlags(), func(name string) bool { return name == "kubeconfig" })
	ours.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	var errs []error
	for _, name := range names {
		if global.Lookup(name) != nil {
			errs = append(errs, fmt.Errorf("flag -%s is defined by this test package or a library of it: the suite needs it, give the other another name", name))
		}
	}
	return errors.Join(errs...)
}

// parseFramework reads the command line. The framework panics at what a user did wrong.
func parseFramework() (cfg *envconf.Config, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			err = fmt.Errorf("read flags: %v", wrong)
		}
	}()
	return envconf.NewFromFlags()
}

func valueOf(name string) string {
	if f := flag.Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// complete checks the values and finds the provider.
func (s *Suite) complete(set *settings) error {
	if err := errors.Join(checkLabels(set.framework.Labels()), checkLabels(set.framework.SkipLabels())); err != nil {
		return err
	}
	if set.fixtureSets < 1 {
		return fmt.Errorf("-fixture-sets %d: at least one case must be played at a time", set.fixtureSets)
	}
	if set.provider == "" {
		return nil
	}
	providers := s.builtIn(set.place)
	maps.Copy(providers, s.Providers)
	var known bool
	if set.site, known = providers[set.provider]; !known {
		return suggest.Unknown("-provider", set.provider, slices.Sorted(maps.Keys(providers)))
	}
	if err := set.served(flag.CommandLine); err != nil {
		return err
	}
	if c, ok := set.site.(testbed.Checker); ok {
		return c.Check()
	}
	return nil
}

// builtIn are the providers by the names that -provider takes.
func (s *Suite) builtIn(p place) map[string]testbed.Provider {
	return map[string]testbed.Provider{
		"lab":  &testbed.Lab{Engine: s.Engine, EngineName: p.engine, Family: p.family, ProxyMode: p.proxyMode, Nodes: p.nodes},
		"kind": &testbed.Kind{Engine: s.Engine, EngineName: p.engine, Topology: p.topology, NodeImage: p.nodeImage, Restricted: p.restricted, Keep: p.keep},
		"existing": &testbed.Existing{
			Engine: s.Engine, EngineName: p.engine, Kubeconfig: p.kubeconfig, Context: p.context, Families: p.family,
			Registry: p.registry, Images: p.images, Restricted: p.restricted, PullSecret: p.pullSecret, Keep: p.keep,
		},
	}
}

// tool is what reports call the program that made them.
func tool() string { return "netassay (go test) " + moduleVersion() }

// parallel is how many cases may be at work at once.
func (s *settings) parallel() int {
	if s.framework.ParallelTestEnabled() {
		return s.fixtureSets
	}
	return 1
}

// workDir is where relative paths begin: go test runs a test in its package's directory, which is
// not where the user is.
func workDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find current directory: %w", err)
	}
	return moduleRoot(dir), nil
}
