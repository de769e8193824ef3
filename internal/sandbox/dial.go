package sandbox

import (
	"context"
	"net"
)

// DialIn opens connections from the network namespace that do runs functions in. Addresses
// must be literal: then the dialer stays on the calling thread.
func DialIn(do func(func() error) error) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		err = do(func() (err error) {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
			return err
		})
		return conn, err
	}
}
