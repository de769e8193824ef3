// Command netassay assays Kubernetes NetworkPolicy enforcement. "netassay --help" tells.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/netassay/netassay/internal/cli"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/testbed"
)

func main() {
	sandbox.InitIfAsked()
	testbed.ServeLab()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.IO{Out: os.Stdout, Err: os.Stderr, Paper: paper}))
}
