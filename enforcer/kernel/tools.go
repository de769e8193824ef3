package kernel

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
)

// Backend says which build of iptables is called.
type Backend string

// The backends. With rules in mangle that only ever DROP, either is right whatever
// kube-proxy uses: a packet that one drops is gone for the other too.
const (
	Auto   Backend = "auto"   // the build that the system calls iptables
	NFT    Backend = "nft"    // iptables-nft-*
	Legacy Backend = "legacy" // iptables-legacy-*
)

// Backends are the valid ones, for messages.
func Backends() []string { return []string{string(Auto), string(NFT), string(Legacy)} }

// lockWait is how many seconds iptables waits for the xtables lock. The -w option needs a
// number of its own: it would eat the next word as seconds.
const lockWait = "5"

const ipset = "ipset"

// exist has ipset take for done what is so already.
const exist = "-exist"

// xtables is the name of one of a family's tools, action being "-restore", "-save" or "".
func (b Backend) xtables(f model.Family, action string) string {
	name := "iptables"
	if f == model.IPv6 {
		name = "ip6tables"
	}
	if b == NFT || b == Legacy {
		name += "-" + string(b)
	}
	return name + action
}

func families() []model.Family { return []model.Family{model.IPv4, model.IPv6} }

// LookTools reports the tools that are missing from the PATH, in one line. Those of IPv6 can
// be: see Kernel.Start.
func LookTools(b Backend) error {
	tools := []string{ipset, b.xtables(model.IPv4, ""), b.xtables(model.IPv4, "-restore"), b.xtables(model.IPv4, "-save")}
	missing := slices.DeleteFunc(tools, func(tool string) bool {
		_, err := exec.LookPath(tool)
		return err == nil
	})
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("find %s in PATH: install the packages iptables and ipset", strings.Join(missing, ", "))
}

// explain turns the first failure of a tool into what the operator has to do about it.
func explain(err error) error {
	var run *RunError
	if !errors.As(err, &run) {
		return err
	}
	said := strings.ToLower(run.Stderr)
	if strings.Contains(said, "not permitted") || strings.Contains(said, "permission denied") {
		return fmt.Errorf("need the capability NET_ADMIN in the network namespace of the node: %w", err)
	}
	if strings.Contains(said, "incompatible, use 'nft' tool") {
		return fmt.Errorf("table mangle holds rules that iptables can't read: %w", err)
	}
	return err
}

// lacksFamily reports whether ip6tables is missing, or the kernel has no IPv6.
func lacksFamily(err error) bool {
	var run *RunError
	if !errors.As(err, &run) || !strings.HasPrefix(run.Argv[0], "ip6tables") {
		return false
	}
	return errors.Is(err, exec.ErrNotFound) || strings.Contains(run.Stderr, "Address family not supported") || strings.Contains(run.Stderr, "does not exist")
}

// IsLocked reports whether a sync failed because another program held the xtables lock for
// as long as iptables was willing to wait.
func IsLocked(err error) bool {
	var run *RunError
	return errors.As(err, &run) && strings.Contains(run.Stderr, "xtables lock")
}
