package cli_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// counters are what differs between two listings of the same rules.
var counters = regexp.MustCompile(`(?m)^#.*$|\[\d+:\d+\]`)

// machine is what engines could leave on the machine itself, by where it is: rules, sets, links,
// routes, mounts, BPF programs, and every setting of the kernel.
func machine(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, command := range []string{
		"iptables-save", "ip6tables-save", "iptables-legacy-save", "nft list ruleset", "ipset save",
		"ip -o link", "ip -4 route show table all", "ip -6 route show table all", "ip rule", "bpftool prog show", "bpftool map show",
	} {
		argv := strings.Fields(command)
		if _, err := exec.LookPath(argv[0]); err != nil {
			continue // what isn't there has nothing to list
		}
		out, _ := exec.Command(argv[0], argv[1:]...).CombinedOutput() // an error says as much as a list
		seen[command] = counters.ReplaceAllString(string(out), "")
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	seen["mounts"] = string(mounts)
	for _, root := range []string{"/proc/sys/kernel", "/proc/sys/net", "/proc/sys/vm", "/proc/sys/fs"} {
		settings(t, root, seen)
	}
	return seen
}

// asBefore waits until the machine is as it was; the kernel takes a moment to free what a sandbox had.
func asBefore(t *testing.T, before map[string]string) {
	t.Helper()
	late := time.After(30 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		diff := cmp.Diff(before, machine(t))
		if diff == "" {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Errorf("the machine itself (-before +after):\n%s", diff)
			return
		}
	}
}

// settings reads what can be written below root: the rest are counters.
func settings(t *testing.T, root string, into map[string]string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "ns_last_pid" {
			return nil //nolint:nilerr // a link that has just gone takes its directory along
		}
		info, err := d.Info()
		if err != nil || info.Mode().Perm()&0o222 == 0 {
			return nil //nolint:nilerr // the same
		}
		if text, err := os.ReadFile(path); err == nil {
			into[path] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
