package cli

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/suggest"
)

// labFlags say what lab to start and what enforces in it.
type labFlags struct {
	engine    string
	family    string
	proxyMode string
	nodes     int
}

func (f *labFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.engine, "engine", "reference", "engine under test (see netassay engines)")
	flags.StringVar(&f.family, "ip-family", "dual", "IP families of pods: ipv4, ipv6 or dual")
	flags.StringVar(&f.proxyMode, "proxy-mode", "iptables", "kube-proxy mode: iptables or nftables")
	flags.IntVar(&f.nodes, "nodes", 3, "number of nodes")
}

// check refuses wrong values before anything starts.
func (f *labFlags) check() error {
	if _, err := registry.Judged(f.engine); err != nil {
		return err
	}
	if err := oneOf("--ip-family value", f.family, "ipv4", "ipv6", "dual"); err != nil {
		return err
	}
	return oneOf("--proxy-mode value", f.proxyMode, "iptables", "nftables")
}

// oneOf refuses a name of that kind that is not among the valid ones.
func oneOf(kind, name string, valid ...string) error {
	if slices.Contains(valid, name) {
		return nil
	}
	return suggest.Unknown(kind, name, valid)
}
