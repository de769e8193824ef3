package cilium

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/netassay/netassay/internal/sandbox"
)

// clangs are the names of compilers that are not too old, what this was tried with first: Cilium's
// system requirements say 18.1.
func clangs() []string { return []string{"clang-19", "clang-20", "clang-21", "clang-18"} }

// Preflight is what this machine lacks for Cilium, beside what every lab needs.
func Preflight() []sandbox.Problem {
	var all []sandbox.Problem
	if os.Geteuid() != 0 {
		all = append(all, sandbox.Problem{What: "engine cilium loads BPF programs, which takes root", Cure: "run as root"})
	}
	known, _ := os.ReadFile("/proc/filesystems")
	all = append(all, lacks(string(known))...)
	if _, err := findClang(); err != nil {
		all = append(all, sandbox.Problem{What: "engine cilium compiles its programs with clang, which is not found", Cure: "apt-get install " + clangs()[0]})
	}
	if at, err := filepath.EvalSymlinks("/var/run"); err != nil || at != "/run" {
		all = append(all, sandbox.Problem{What: "engine cilium keeps its files in /var/run, which is not /run here", Cure: "make it a link to /run, as distributions have it"})
	}
	return all
}

// lacks says which of the file systems that Cilium mounts a kernel lacks, by its list of them.
func lacks(filesystems string) []sandbox.Problem {
	var all []sandbox.Problem
	for _, fs := range []struct{ name, option string }{{"bpf", "CONFIG_BPF_SYSCALL"}, {"cgroup2", "CONFIG_CGROUPS"}} {
		if !strings.Contains(filesystems, "\t"+fs.name+"\n") {
			all = append(all, sandbox.Problem{What: "engine cilium needs " + fs.name + ", which this kernel lacks", Cure: "use one with " + fs.option})
		}
	}
	return all
}

func findClang() (string, error) {
	for _, name := range clangs() {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no clang of a version that compiles its programs: apt-get install " + clangs()[0])
}
