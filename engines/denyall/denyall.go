// Package denyall is the engine that drops everything between pods, whatever the policies
// say: the control that a suite must convict in every case with an allow cell.
//
// A node still reaches its own pods, as that traffic is not forwarded; so the live
// controls of deny cells hold, and what is convicted is the verdicts.
package denyall

import (
	"context"
	"errors"
	"fmt"

	"github.com/netassay/netassay/engines"
)

const (
	block = `*mangle
:NETASSAY-DENYALL - [0:0]
-A NETASSAY-DENYALL -j DROP
-I FORWARD -j NETASSAY-DENYALL
COMMIT
`
	unblock = `*mangle
-D FORWARD -j NETASSAY-DENYALL
-F NETASSAY-DENYALL
-X NETASSAY-DENYALL
COMMIT
`
)

// Engine drops all forwarded packets of the nodes it was started on.
type Engine struct {
	nodes []engines.Node
}

// Name is "deny-all".
func (*Engine) Name() string { return "deny-all" }

// Unsupported declares nothing: being convicted is what this engine is for.
func (*Engine) Unsupported() []engines.Unsupported { return nil }

// Start puts the block into each node's FORWARD chain, both families.
func (e *Engine) Start(ctx context.Context, nodes []engines.Node) error {
	if e.nodes != nil {
		return nil // killed: the block is there still
	}
	e.nodes = nodes
	return onAll(ctx, nodes, block)
}

// Kill does nothing: no process is needed for the block.
func (*Engine) Kill(context.Context) error { return nil }

// Stop takes the block out again.
func (e *Engine) Stop(ctx context.Context) error {
	nodes := e.nodes
	e.nodes = nil
	return onAll(ctx, nodes, unblock)
}

func onAll(ctx context.Context, nodes []engines.Node, text string) error {
	var errs []error
	for _, n := range nodes {
		for _, tool := range []string{"iptables-restore", "ip6tables-restore"} {
			if err := n.Run(ctx, text, tool, "-w", "5", "--noflush"); err != nil {
				errs = append(errs, fmt.Errorf("run %s on %s: %w", tool, n.Name(), err))
			}
		}
	}
	return errors.Join(errs...)
}
