package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/internal/suggest"
)

// version is stamped by the Makefile.
var version string

// defaultAddress is where metrics, health and explanations are served.
const defaultAddress = "127.0.0.1:10260"

// flags are the command line.
type flags struct {
	kubeconfig     string
	node           string
	backend        string
	existing       string
	minInterval    time.Duration
	verifyInterval time.Duration
	metricsAddress string
	denyUnknown    bool
	pprof          bool
	statusFile     string
	logLevel       string
}

func newRoot() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:           "enforcer",
		Short:         "Enforce NetworkPolicies on this node with iptables and ipset",
		Long:          "Enforce NetworkPolicies for the pods of this node, with iptables and ipset.\nRuns in the node's network namespace and needs NET_ADMIN. When it ends, the rules stay.",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	p := cmd.PersistentFlags()
	p.StringVar(&f.backend, "iptables-backend", string(kernel.Auto), "build of iptables to call: auto (as found), nft or legacy")
	p.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	l := cmd.Flags()
	l.StringVar(&f.kubeconfig, "kubeconfig", "", "path of a kubeconfig (default: the service account of the pod)")
	l.StringVar(&f.node, "node-name", "", "name of this Node object (default: $NODE_NAME, then the host's name)")
	l.StringVar(&f.existing, "existing", string(plan.Keep), "flows that are open when a policy begins to deny them: keep or cut")
	l.DurationVar(&f.minInterval, "sync-min-interval", 10*time.Millisecond, "least time between the starts of two syncs")
	l.DurationVar(&f.verifyInterval, "verify-interval", time.Minute, "time between checks for changes made by others; 0 is never")
	l.StringVar(&f.metricsAddress, "metrics-address", defaultAddress, "address for /metrics, /healthz, /readyz and, to this node only, /explain; empty is none")
	l.BoolVar(&f.denyUnknown, "default-deny-unknown", true, "drop what addresses of this node's podCIDRs send and get until their pod is known, as far as the Node has podCIDRs")
	l.BoolVar(&f.pprof, "pprof", false, "serve profiles at /debug/pprof/ of the metrics address, to this node only")
	l.StringVar(&f.statusFile, "status-file", "", "file that is rewritten with pid and readiness at each sync")
	cmd.AddCommand(newCleanup(f), newExplain(), newManifests(), newVersion())
	return cmd
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			v := version
			if info, ok := debug.ReadBuildInfo(); v == "" && ok {
				v = info.Main.Version
			}
			fmt.Fprintf(cmd.OutOrStdout(), "enforcer %s %s %s/%s\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// run checks the command line, then enforces until the context ends.
func (f *flags) run(cmd *cobra.Command) error {
	log, err := f.logger()
	if err != nil {
		return err
	}
	cfg, err := f.config(log)
	if err != nil {
		return err
	}
	limitRuntime(cmd.Context(), f.pprof)
	log.Info("starting", "node", cfg.Node, "backend", cfg.Backend, "existing", cfg.Existing, "pid", os.Getpid())
	err = agent.New(cfg).Run(cmd.Context())
	switch {
	case errors.Is(err, agent.ErrRenew) && cmd.Context().Err() == nil:
		return replaceProcess()
	case err != nil && !errors.Is(err, agent.ErrRenew): // else it was told to end meanwhile
		return err
	}
	log.Info("stopped; rules stay in force")
	return nil
}

// replaceProcess begins this program anew in the same process, for its pod or supervisor to
// see none of it. It returns only if that fails.
func replaceProcess() error {
	path, err := os.Executable()
	if err == nil {
		err = unix.Exec(path, os.Args, os.Environ())
	}
	return fmt.Errorf("re-execute: %w", err)
}

func (f *flags) config(log *slog.Logger) (agent.Config, error) {
	backend, err := f.iptables()
	if err != nil {
		return agent.Config{}, err
	}
	if err := suggest.OneOf("value of --existing", f.existing, string(plan.Keep), string(plan.Cut)); err != nil {
		return agent.Config{}, err
	}
	if f.minInterval < 0 || f.verifyInterval < 0 {
		return agent.Config{}, fmt.Errorf("--sync-min-interval and --verify-interval must not be negative")
	}
	node, err := f.nodeName()
	if err != nil {
		return agent.Config{}, err
	}
	rc, err := f.restConfig()
	if err != nil {
		return agent.Config{}, err
	}
	clients, err := watch.NewClients(rc)
	if err != nil {
		return agent.Config{}, err
	}
	return agent.Config{
		Clients: clients, Node: node, Existing: plan.Existing(f.existing), Backend: backend,
		MinInterval: f.minInterval, VerifyInterval: f.verifyInterval,
		DenyUnknown: f.denyUnknown, Pprof: f.pprof,
		MetricsAddress: f.metricsAddress, StatusFile: f.statusFile, Renew: true, Log: log,
	}, nil
}

// iptables is the backend, when its tools are there.
func (f *flags) iptables() (kernel.Backend, error) {
	if err := suggest.OneOf("value of --iptables-backend", f.backend, kernel.Backends()...); err != nil {
		return "", err
	}
	return kernel.Backend(f.backend), kernel.LookTools(kernel.Backend(f.backend))
}

func (f *flags) nodeName() (string, error) {
	if f.node != "" {
		return f.node, nil
	}
	if name := os.Getenv("NODE_NAME"); name != "" {
		return name, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find the node's name: set --node-name: %w", err)
	}
	return name, nil
}

func (f *flags) restConfig() (*rest.Config, error) {
	if f.kubeconfig == "" {
		cfg, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("find the API server: set --kubeconfig, or run in a pod: %w", err)
		}
		return cfg, nil
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", f.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read --kubeconfig %s: %w", f.kubeconfig, err)
	}
	return cfg, nil
}

func (f *flags) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, suggest.Unknown("value of --log-level", f.logLevel, []string{"debug", "info", "warn", "error"})
	}
	return newLogger(level), nil
}

// limitRuntime applies the defaults where the environment sets none. One processor at a
// time is enough for one loop, and more of them cost: under churn a ninth of all work went
// into waking and idling them. What Go notes down for profiles that nobody can ask for takes
// memory that is never given back.
func limitRuntime(ctx context.Context, profiled bool) {
	if !profiled {
		runtime.MemProfileRate = 0
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
		go followHeap(ctx)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
