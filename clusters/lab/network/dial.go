package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/netassay/netassay/internal/sandbox"
)

// dial connects from ns. It takes numeric addresses only: to resolve a name, net would
// start goroutines, which run on threads elsewhere.
func dial(ctx context.Context, ns *sandbox.NetNS, proto, address string) (conn net.Conn, err error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	err = ns.Do(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, proto, address)
		return err
	})
	return conn, err
}
