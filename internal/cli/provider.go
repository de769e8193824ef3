package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
	kindconfigs "github.com/netassay/netassay/kind-configs"
	"github.com/netassay/netassay/suites/runner"
)

// The providers of clusters.
const (
	onLab      = "lab"
	onKind     = "kind"
	onExisting = "existing"
)

// whereFlags say on what cluster a suite runs.
type whereFlags struct {
	lab        labFlags
	provider   string
	topology   string
	nodeImage  string
	keep       bool
	kubeconfig string
	context    string
	registry   string
	images     map[string]string
	tolerate   []string
	restricted bool
	pullSecret string

	flags *pflag.FlagSet // to know which were given
}

func (f *whereFlags) register(flags *pflag.FlagSet) {
	f.flags = flags
	f.lab.register(flags)
	flags.StringVar(&f.provider, "provider", onLab, "where to run: lab (no Docker), kind, or existing (a kubeconfig)")
	flags.StringVar(&f.topology, "topology", kindconfigs.Default, "kind: "+strings.Join(kindconfigs.Names(), ", "))
	flags.StringVar(&f.nodeImage, "node-image", "", "kind: image of the nodes (default: our own, built when need be)")
	flags.BoolVar(&f.keep, "keep", false, "kind and existing: leave the cluster, and what the suite made in it, as it is at the end")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "existing: path of a kubeconfig (default: as kubectl)")
	flags.StringVar(&f.context, "context", "", "existing: context of the kubeconfig")
	flags.StringVar(&f.registry, "registry", "", "existing: host[:port]/path of a registry with copies of the images")
	flags.StringToStringVar(&f.images, "image", nil, "existing: what nodes pull, e.g. probe=registry.example/probe:v1; names are agnhost, probe and enforcer")
	flags.StringSliceVar(&f.tolerate, "tolerate", nil, "existing: also use nodes with this taint: key, key=value, either with :effect")
	flags.BoolVar(&f.restricted, "restricted", false, "kind and existing: pods that conform to the restricted Pod Security Standard; SCTP is skipped")
	flags.StringVar(&f.pullSecret, "pull-secret", "", "existing: file in the form of .docker/config.json by which nodes pull images")
}

// servedBy are the flags that belong to one provider or two.
func servedBy() map[string][]string {
	return map[string][]string{
		"ip-family": {onLab}, "proxy-mode": {onLab}, "nodes": {onLab},
		"topology": {onKind}, "node-image": {onKind}, "keep": {onKind, onExisting},
		"kubeconfig": {onExisting}, "context": {onExisting}, "registry": {onExisting}, "image": {onExisting},
		"tolerate": {onExisting}, "restricted": {onKind, onExisting}, "pull-secret": {onExisting},
	}
}

// withoutEffect refuses flags that were given and are for other providers.
func withoutEffect(flags *pflag.FlagSet, served map[string][]string, provider string) error {
	var wrong error
	flags.Visit(func(flag *pflag.Flag) {
		if by := served[flag.Name]; wrong == nil && by != nil && !slices.Contains(by, provider) {
			wrong = fmt.Errorf("--%s is for --provider %s, not %s", flag.Name, strings.Join(by, " and "), provider)
		}
	})
	return wrong
}

// check refuses wrong values, and flags that would be without effect, before anything
// starts.
func (f *whereFlags) check() error {
	if err := oneOf("--provider value", f.provider, onLab, onKind, onExisting); err != nil {
		return err
	}
	if err := withoutEffect(f.flags, servedBy(), f.provider); err != nil {
		return err
	}
	if err := oneOf("--topology value", f.topology, kindconfigs.Names()...); err != nil {
		return err
	}
	if _, err := parseTolerations(f.tolerate); err != nil {
		return err
	}
	if err := f.lab.check(); err != nil {
		return err
	}
	if f.provider == onKind || f.provider == onExisting && f.chosen() {
		return checkDeployable(f.lab.engine, f.provider)
	}
	return nil
}

// checkDeployable refuses an engine that can't work where nodes are out of reach.
func checkDeployable(name, provider string) error {
	entry, err := registry.Lookup(name)
	if err != nil {
		return err
	}
	if _, ok := entry.New(make([]string, len(entry.Programs))).(engines.Deployable); !ok {
		return fmt.Errorf("engine %s works on --provider %s only, not on %s", name, onLab, provider)
	}
	return nil
}

// chosen says that the user named an engine.
func (f *whereFlags) chosen() bool { return f.flags.Changed("engine") }

// label tells result directories apart.
func (f *whereFlags) label() string {
	engine := f.lab.engine
	if f.provider == onExisting && !f.chosen() {
		engine = installed{}.Name()
	}
	if f.provider == onLab {
		return engine
	}
	return f.provider + "-" + engine
}

// within runs do on the cluster that the flags ask for, with the engine at work in it, and
// takes down afterwards what it has put up. logs, asked once, gives the directory for logs; ""
// is none.
func (f *whereFlags) within(ctx context.Context, stdio IO, logs func() (string, error), do func(context.Context, *session) error) error {
	if f.provider == onLab {
		return inSandbox(ctx, stdio, f.lab, func(ctx context.Context) error {
			dir, err := logs()
			if err != nil {
				return err
			}
			return withLab(ctx, stdio, f.lab, dir, do)
		})
	}
	dir, err := logs()
	if err != nil {
		return err
	}
	unhush, err := hush(dir)
	if err != nil {
		return err
	}
	defer unhush()
	if f.provider == onKind {
		return withKind(ctx, stdio, f, dir, do)
	}
	return withExisting(ctx, stdio, f, do)
}

// hush keeps from the terminal what client-go has to say to itself, which is mostly that
// streams have ended that we have closed. It goes to a file in dir, or nowhere without one.
func hush(dir string) (undo func(), err error) {
	if dir == "" {
		klog.SetSlogLogger(slog.New(slog.DiscardHandler))
		return klog.ClearLogger, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	file, err := os.Create(filepath.Join(dir, "client-go.log"))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(file, nil)))
	return func() {
		klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // for what still ends
		file.Close()
	}, nil
}

// build makes the engine called name.
func build(ctx context.Context, name string) (engines.Engine, error) {
	entry, err := registry.Lookup(name)
	if err != nil {
		return nil, err
	}
	return entry.Build(ctx, binaries.Own)
}

// withKind makes a cluster of kind, runs do on it and removes it. When anything fails, a
// case too, the nodes' logs are kept.
func withKind(ctx context.Context, stdio IO, f *whereFlags, logDir string, do func(context.Context, *session) error) (err error) {
	progress := func(line string) { fmt.Fprintln(stdio.Err, line) }
	engine, err := build(ctx, f.lab.engine)
	if err != nil {
		return err
	}
	c, err := kind.Start(ctx, kind.Config{Topology: f.topology, NodeImage: f.nodeImage, LogDir: logDir, Progress: progress})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endKind(ctx, c, f.keep, err, progress)) }()
	s := &session{
		cluster: c, engine: engine, keep: f.keep, restricted: f.restricted,
		began:        time.Now().Add(-seconds(c.ClusterSeconds)),
		imageSeconds: &c.ImageSeconds, clusterSeconds: &c.ClusterSeconds,
	}
	if err := s.deploy(ctx, progress); err != nil {
		return err
	}
	return do(ctx, s)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// endKind takes a cluster down after a run that ended with failed.
func endKind(ctx context.Context, c *kind.Cluster, keep bool, failed error, progress func(string)) error {
	var err error
	if failed != nil && ctx.Err() == nil {
		err = c.ExportLogs(ctx)
	}
	if keep {
		c.Keep()
		progress(fmt.Sprintf("kept: kubectl --kubeconfig %s get pods -A; netassay clean --all removes it", c.Kubeconfig()))
		return errors.Join(err, c.Close(ctx))
	}
	start := time.Now()
	err = errors.Join(err, c.Close(ctx))
	if err == nil {
		progress(fmt.Sprintf("cluster %s is gone (%.1f s)", c.Name(), time.Since(start).Seconds()))
	}
	return err
}

// withExisting runs do on a cluster that is there. Its engine is what is installed, unless
// the user names one that is to be deployed.
func withExisting(ctx context.Context, stdio IO, f *whereFlags, do func(context.Context, *session) error) (err error) {
	progress := func(line string) { fmt.Fprintln(stdio.Err, line) }
	tolerations, err := parseTolerations(f.tolerate)
	if err != nil {
		return err
	}
	c, err := existing.Open(ctx, existing.Options{
		Kubeconfig: f.kubeconfig, Context: f.context, Registry: f.registry, Images: f.images, Tolerations: tolerations,
	})
	if err != nil {
		return err
	}
	progress("engines: " + existing.Believed(c.Engines(ctx)))
	s := &session{
		cluster: c, engine: installed{}, began: time.Now(), keep: f.keep, restricted: f.restricted,
		wasThere: true, preflight: c.Preflight,
	}
	if f.pullSecret != "" {
		if s.pullSecret, err = os.ReadFile(f.pullSecret); err != nil {
			return fmt.Errorf("read --pull-secret: %w", err)
		}
	}
	if !f.chosen() {
		return do(ctx, s)
	}
	if s.engine, err = build(ctx, f.lab.engine); err != nil {
		return err
	}
	if !f.keep {
		defer func() { err = errors.Join(err, s.undeploy(context.WithoutCancel(ctx))) }()
	}
	if err := s.deploy(ctx, progress); err != nil {
		return err
	}
	return do(ctx, s)
}

// parseTolerations reads taints as kubectl writes them.
func parseTolerations(texts []string) ([]corev1.Toleration, error) {
	var all []corev1.Toleration
	for _, text := range texts {
		taint, effect, _ := strings.Cut(text, ":")
		key, value, equal := strings.Cut(taint, "=")
		t := corev1.Toleration{Key: key, Value: value, Effect: corev1.TaintEffect(effect), Operator: corev1.TolerationOpExists}
		if equal {
			t.Operator = corev1.TolerationOpEqual
		}
		effects := []corev1.TaintEffect{"", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
		if key == "" || !slices.Contains(effects, t.Effect) {
			return nil, fmt.Errorf("--tolerate %q is no taint: give KEY, KEY=VALUE, either with :NoSchedule, :PreferNoSchedule or :NoExecute", text)
		}
		all = append(all, t)
	}
	return all, nil
}

// fit says on the terminal what a cluster lacks for a run; the error says that there is
// too much of it.
func (s *session) fit(ctx context.Context, stdio IO, cfg runner.Config) error {
	if s.preflight == nil {
		return nil
	}
	problems := s.preflight(ctx, runner.Needs(cfg))
	for _, p := range problems {
		fmt.Fprintf(stdio.Err, "netassay: %s\n", p)
	}
	if existing.Fatal(problems) {
		return withCode(exitBroken)
	}
	return nil
}

// deploy puts the session's engine to work on a cluster whose nodes are out of reach.
func (s *session) deploy(ctx context.Context, progress func(string)) error {
	start := time.Now()
	d, ok := s.engine.(engines.Deployable)
	if !ok {
		return nil
	}
	target := engines.Target{REST: s.cluster.REST(), Image: s.cluster.Image, Nodes: s.cluster.Nodes()}
	if err := d.Deploy(ctx, target); err != nil {
		return fmt.Errorf("deploy engine %s: %w", d.Name(), err)
	}
	progress(fmt.Sprintf("engine %s in sync on %d nodes (%.1f s)", d.Name(), len(target.Nodes), time.Since(start).Seconds()))
	return nil
}

// undeploy removes what deploy made.
func (s *session) undeploy(ctx context.Context) error {
	if d, ok := s.engine.(engines.Deployable); ok {
		return d.Undeploy(ctx)
	}
	return nil
}

// installed is the engine of a cluster that is there: whatever it is.
type installed struct{}

func (installed) Name() string                                { return "installed" }
func (installed) Unsupported() []engines.Unsupported          { return nil }
func (installed) Start(context.Context, []engines.Node) error { return nil }
func (installed) Stop(context.Context) error                  { return nil }

var _ clusters.Cluster = (*kind.Cluster)(nil)
