//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/netassay/netassay/clusters"
)

var _ clusters.APIRestarter = (*Lab)(nil)

// RestartAPIServer implements clusters.APIRestarter. Nodes lose their connections, and have no
// way to the API server until meanwhile is over. By then it has forgotten what they knew last:
// they must list anew.
func (l *Lab) RestartAPIServer(ctx context.Context, meanwhile func(context.Context) error) error {
	err := l.control.RestartAPIServer(ctx, func() error { return l.reach(false) })
	if err == nil {
		err = meanwhile(ctx)
	}
	if err = errors.Join(err, l.reach(true)); err != nil {
		return fmt.Errorf("restart the API server: %w", err)
	}
	return nil
}

// reach gives all nodes a way to the control plane, or takes it.
func (l *Lab) reach(way bool) error {
	var errs []error
	for _, n := range l.nodes {
		errs = append(errs, n.net.ReachControlPlane(way))
	}
	return errors.Join(errs...)
}
