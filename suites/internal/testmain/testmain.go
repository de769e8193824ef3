// Package testmain is the TestMain of the unit tests below suites. "go test ./suites/...
// -args -provider lab" hands its flags to every package of the pattern; those that hold
// unit tests know none of them and have no part in such a run.
//
// It decides which flags belong to a run of the suite. It must never import anything but
// the standard library: the packages that use it are pure, or small on purpose.
package testmain

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Main runs the unit tests of a package, unless this is a run of the suite. It does not
// return.
func Main(m *testing.M) {
	StandAside()
	os.Exit(m.Run())
}

// StandAside ends the program, well, when this is a run of the suite. It is for packages
// whose TestMain does more than run tests.
func StandAside() {
	if name := suiteFlag(os.Args[1:]); name != "" {
		fmt.Printf("-%s is for a run of the suite: no unit tests\n", name)
		os.Exit(0)
	}
}

// SuiteFlags are the flags that only a run of the suite has: ours and the framework's.
func SuiteFlags() []string {
	return append(FrameworkFlags(),
		"provider", "engine", "ip-family", "proxy-mode", "nodes", "topology", "node-image", "registry",
		"image", "tolerate", "restricted", "pull-secret", "keep",
		"fixture-sets", "seed", "out", "probe-timeout", "hold", "deadline", "sentinel", "run-unsupported", "resume", "shard", "skip", "paths",
	)
}

// FrameworkFlags are those that the framework makes, and gives meaning to.
func FrameworkFlags() []string {
	return []string{
		"feature", "assess", "labels", "skip-labels", "skip-features", "skip-assessment",
		"parallel", "dry-run", "fail-fast", "disable-graceful-teardown", "namespace",
		"kubeconfig", "context", "feature-gates",
	}
}

// suiteFlag is the first of SuiteFlags among args, "" when there is none.
func suiteFlag(args []string) string {
	for _, arg := range args {
		name, dashed := strings.CutPrefix(arg, "-")
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if dashed && slices.Contains(SuiteFlags(), name) {
			return name
		}
	}
	return ""
}
