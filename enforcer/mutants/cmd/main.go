//go:build mutants

// Command cmd is the reference enforcer with a fault, for the suite to convict: see package
// mutants. It takes the flags of the enforcer that the lab gives, and --mutant; --list prints
// the mutants as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/netassay/netassay/enforcer/mutants"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	list := flag.Bool("list", false, "print the mutants as JSON")
	name := flag.String("mutant", "", "which to be")
	kubeconfig := flag.String("kubeconfig", "", "path of a kubeconfig")
	node := flag.String("node-name", "", "name of the Node object")
	metrics := flag.String("metrics-address", "", "address for /readyz")
	flag.Parse()
	if *list {
		return json.NewEncoder(os.Stdout).Encode(mutants.All())
	}
	m, err := mutants.Lookup(*name)
	if err != nil {
		return err
	}
	api, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fmt.Errorf("read --kubeconfig %s: %w", *kubeconfig, err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	log.Info("starting", "mutant", m.Name, "fault", m.Says)
	return mutants.Run(ctx, m, api, *node, *metrics, log)
}
