//go:build linux

package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// Preflight looks for everything that a sandbox with packet filters needs, by trying it
// in throw-away namespaces. No problem means that Enter will work.
func Preflight() []Problem {
	problems := missingTools()
	out, err := trial()
	if err != nil {
		return append(problems, Problem{What: "namespaces refused (" + err.Error() + ")", Cure: namespaceCure()})
	}
	for line := range strings.Lines(out) {
		what, cure, _ := strings.Cut(strings.TrimSpace(line), "\t")
		problems = append(problems, Problem{What: what, Cure: cure})
	}
	return problems
}

// tools maps each program to the Debian package that has it.
func tools() [][2]string {
	return [][2]string{
		{"iptables-restore", "iptables"},
		{"ip6tables-restore", "iptables"},
		{"ipset", "ipset"},
		{"nft", "nftables"},
		{"conntrack", "conntrack"},
	}
}

func missingTools() []Problem {
	var problems []Problem
	for _, tool := range tools() {
		if !inPath(tool[0]) {
			problems = append(problems, Problem{
				What: tool[0] + " not found",
				Cure: "apt-get install " + tool[1],
			})
		}
	}
	return problems
}

func inPath(tool string) bool {
	return slices.ContainsFunc(filepath.SplitList(searchPath()), func(dir string) bool {
		_, err := exec.LookPath(filepath.Join(dir, tool))
		return err == nil
	})
}

func namespaceCure() string {
	if os.Geteuid() == 0 {
		return "run with CAP_SYS_ADMIN, e.g. in a container started with --privileged"
	}
	for _, name := range []string{"kernel/unprivileged_userns_clone", "user/max_user_namespaces"} {
		if text, err := os.ReadFile("/proc/sys/" + name); err == nil && strings.TrimSpace(string(text)) == "0" {
			return "run as root, or as root: sysctl -w " + strings.ReplaceAll(name, "/", ".") + "=10000"
		}
	}
	const apparmor = "kernel/apparmor_restrict_unprivileged_userns"
	if text, err := os.ReadFile("/proc/sys/" + apparmor); err == nil && strings.TrimSpace(string(text)) == "1" {
		return "run as root, or as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	}
	return "run as root, or where user namespaces and a fresh /proc are allowed"
}

// trial enters namespaces as Enter does and returns what runTrial printed there.
func trial() (string, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := command(Options{Args: []string{os.Args[0]}, Env: []string{trialVar + "=1"}})
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := start(cmd); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%w %s", err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// trialVar turns a worker into a trial.
const trialVar = "NETASSAY_SANDBOX_TRIAL"

// runTrial tries the kernel's features and prints a line "what TAB cure" for each that is
// missing.
func runTrial() int {
	tries := []struct {
		argv []string
		cure string
	}{
		{[]string{"iptables", "-w", "-t", "mangle", "-S"}, "a kernel with iptables or nf_tables (modprobe ip_tables nf_tables)"},
		{[]string{"ip6tables", "-w", "-t", "mangle", "-S"}, "a kernel with ip6tables or nf_tables (modprobe ip6_tables nf_tables)"},
		{[]string{"iptables", "-w", "-t", "nat", "-S"}, "a kernel with NAT (modprobe iptable_nat nft_chain_nat)"},
		{[]string{"ipset", "create", "trial", "hash:net"}, "a kernel with ipset (modprobe ip_set_hash_net)"},
		{[]string{"nft", "list", "ruleset"}, "a kernel with nf_tables (modprobe nf_tables)"},
	}
	for _, try := range tries {
		out, err := exec.Command(try.argv[0], try.argv[1:]...).CombinedOutput()
		if err != nil && inPath(try.argv[0]) {
			first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			fmt.Printf("%s does not work (%v: %s)\t%s\n", strings.Join(try.argv, " "), err, first, try.cure)
		}
	}
	for _, p := range tryLinks() {
		fmt.Printf("%s\t%s\n", p.What, p.Cure)
	}
	return 0
}

// tryLinks tries the kinds of links that a lab is made of.
func tryLinks() []Problem {
	var problems []Problem
	links := []netlink.Link{
		&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "try-bridge"}},
		&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "try-veth0"}, PeerName: "try-veth1"},
	}
	for _, link := range links {
		if err := netlink.LinkAdd(link); err != nil {
			problems = append(problems, Problem{
				What: "link type " + link.Type() + " refused (" + err.Error() + ")",
				Cure: "a kernel with it (modprobe " + link.Type() + ")",
			})
		}
	}
	return problems
}
