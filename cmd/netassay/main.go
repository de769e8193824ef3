// Command netassay assays Kubernetes NetworkPolicy enforcement. "netassay --help" tells.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/internal/cli"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/testbed"
)

func main() {
	sandbox.InitIfAsked()
	testbed.ServeLab()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.IO{Out: os.Stdout, Err: os.Stderr, In: os.Stdin, Paper: paper}))
}

// paper walks packets through the rules that the reference enforcer would write in a state. It
// is given to netassay fuzz here, where nothing knows what is right.
func paper(s model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
	n, err := simnet.Build(s, nil)
	if err != nil {
		return nil, err
	}
	return func(f model.Flow) (model.Verdict, error) {
		verdict, _, err := n.Judge(f)
		return verdict, err
	}, nil
}
