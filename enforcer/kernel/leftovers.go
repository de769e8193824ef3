package kernel

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
)

// Empty reports whether there is nothing of ours in the kernel, as after a reboot. It knows
// only after Probe.
func (k *Kernel) Empty() bool {
	for _, f := range k.known {
		if !f.empty() || len(f.sets) > 0 {
			return false
		}
	}
	return k.known != nil
}

// Version is what the build of iptables in use says of itself, e.g.
// "iptables-restore v1.8.9 (nf_tables)".
func (k *Kernel) Version(ctx context.Context) (string, error) {
	out, err := k.run.Run(ctx, Command{Argv: []string{k.backend.xtables(model.IPv4, "-restore"), "--version"}})
	if err != nil {
		return "", explain(err)
	}
	return firstLine(string(out)), nil
}

// BuildOf is the backend that a version names; ok is false when it names none.
func BuildOf(version string) (b Backend, ok bool) {
	switch {
	case strings.Contains(version, "(nf_tables)"):
		return NFT, true
	case strings.Contains(version, "(legacy)"):
		return Legacy, true
	}
	return "", false
}

// Leftovers are the families of which a backend's tables hold chains of ours. An agent that
// used the other backend has left them: they go on judging packets by what it knew.
func Leftovers(ctx context.Context, run Runner, b Backend) ([]model.Family, error) {
	k := New(Options{Backend: b, Runner: run})
	var found []model.Family
	for _, f := range families() {
		t, err := k.readTable(ctx, f)
		if err != nil {
			return found, err
		}
		if !t.empty() {
			found = append(found, f)
		}
	}
	return found, nil
}

// LegacyInUse reports whether the kernel has legacy mangle tables. Looking at them by
// iptables would create them.
func LegacyInUse() bool {
	for _, name := range []string{"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"} {
		if tables, err := os.ReadFile(name); err == nil && slices.Contains(strings.Fields(string(tables)), "mangle") {
			return true
		}
	}
	return false
}
