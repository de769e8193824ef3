package importlaw

import "slices"

// A rule says what some packages must not reach, or what alone they may reach.
//
// Names are import paths; those of this module are written without its path, with a
// leading "./". A name that ends in "/..." stands for a package and all beneath it.
type rule struct {
	why string // the reason, in the failure message
	// from are the packages that the rule binds, but not those in except.
	from   []string
	except []string
	// forbid are packages that must not be reached, at whatever distance.
	forbid []string
	// use are packages that our own code must not import, directly or through other
	// packages of ours. Libraries may: they carry net and logging in corners that we
	// don't call.
	use []string
	// only are the packages outside the standard library that alone may be imported
	// directly, "" when forbid says all.
	only []string
	// tests binds the tests of from as well.
	tests bool
}

// pure are the packages that compute and do nothing else: their tests need no root, no
// network and no time, and what they say today they say tomorrow.
func pure() []string {
	return []string{
		"./model", "./suites/oracle", "./suites/judge", "./suites/cases", "./suites/fixture", "./suites/misread", "./suites/fuzz", "./probe/podspec",
		"./enforcer/plan", "./enforcer/render", "./enforcer/cidr", "./enforcer/match",
		"./enforcer/hns", "./enforcer/hnssim", "./enforcer/iptsim", "./model/gen", "./reports/v1", "./reports/diff", "./reports/page", "./reports/published", "./reports/render", "./reports/schema", "./reports/status", "./reports/metrics", "./reports/trend", "./reports/trendpage", "./reports/trend/changepoint",
		"./scale/profile", "./scale/load", "./scale/stats", "./scale/compare", "./scale/summary", "./scale/claims",
		"./reach/assert", "./reach/assert/packets", "./reach/diff", "./reach/explain", "./reach/inventory", "./reach/matrix", "./reach/migrate", "./reach/mutate", "./reach/shadow", "./reach/snapshot", "./reach/tell",
	}
}

// law is what the order of imports alone does not say: over any distance, and for tests too.
func law() []rule {
	return slices.Concat(twoSides(), withinEnforcer(), purity(), harness())
}

// twoSides keeps the enforcer and what judges it apart.
func twoSides() []rule {
	return []rule{
		{
			why:    "the oracle says what is right and the enforcer is judged by it: if they shared semantics, one misreading of the specification would hide in both",
			from:   []string{"./suites/..."},
			forbid: []string{"./enforcer/..."},
			tests:  true,
		},
		{
			why:    "the enforcer must not know what will be asked of it; only enforcer/proof and enforcer/scenarios, which are tests, see both sides",
			from:   []string{"./enforcer/..."},
			except: []string{"./enforcer/proof", "./enforcer/scenarios"},
			forbid: []string{"./suites/..."},
			tests:  true,
		},
		{
			why:    "the enforcer runs on nodes that have no harness",
			from:   []string{"./enforcer/...", "./cmd/enforcer"},
			forbid: []string{"./clusters/...", "./engines/...", "./internal/cli", "./internal/sandbox", "github.com/virtual-kubelet/virtual-kubelet/..."},
		},
		{
			why:    "proof and scenarios see both sides: what imports them would too",
			from:   []string{"./..."},
			except: []string{"./enforcer/proof", "./enforcer/scenarios"},
			forbid: []string{"./enforcer/proof", "./enforcer/scenarios"},
			tests:  true,
		},
	}
}

// withinEnforcer keeps the parts of the enforcer apart.
func withinEnforcer() []rule {
	return []rule{
		{
			why:    "the tracer reads text, as the kernel does; if it knew the plan, it would prove nothing about the text",
			from:   []string{"./enforcer/iptsim", "./enforcer/hnssim"},
			forbid: []string{"./enforcer/plan", "./enforcer/render", "./enforcer/hns", "./enforcer/kernel", "./model"},
			tests:  true,
		},
		{
			why:    "what is watched and what is written into the kernel meet in the agent's loop only",
			from:   []string{"./enforcer/watch"},
			forbid: []string{"./enforcer/plan", "./enforcer/render", "./enforcer/kernel"},
		},
		{
			why:    "the kernel's half takes a plan and needs no API server",
			from:   []string{"./enforcer/kernel"},
			forbid: []string{"./enforcer/watch", "k8s.io/client-go/..."},
		},
	}
}

// purity bounds what packages reach outside of this module, and what computes only.
func purity() []rule {
	return []rule{
		{
			why:  "nouns are shared by everything, so what they import everything imports",
			from: []string{"./model"},
			only: []string{"k8s.io/api/...", "k8s.io/apimachinery/..."},
		},
		{
			why:  "pure: no I/O, no processes, no network, no logging",
			from: pure(),
			use: []string{
				"os", "os/exec", "os/signal", "net", "net/http", "syscall", "log", "log/slog",
				"golang.org/x/sys/unix", "k8s.io/klog/v2",
			},
			forbid: []string{"k8s.io/client-go/..."},
		},
		{
			why:    "pure packages know no edges",
			from:   pure(),
			forbid: []string{"./clusters/...", "./engines/...", "./internal/cli", "./internal/sandbox", "./probe", "./probe/agent/...", "./probe/wire", "./probe/pods", "./suites/runner", "./enforcer/kernel", "./enforcer/watch", "./enforcer/agent"},
		},
		{
			why:    "the judge sees one cell, and evaluates no policy",
			from:   []string{"./suites/judge"},
			forbid: []string{"./suites/oracle", "./suites/cases", "./probe/..."},
		},
		{
			why:    "reports outlive the code that made them: other programs read their types",
			from:   []string{"./reports/v1"},
			only:   []string{},
			forbid: []string{"./suites/...", "./enforcer/...", "./model"},
		},
		{
			why:    "loads and figures are the same for every engine: they know neither enforcer nor suite",
			from:   []string{"./scale/profile", "./scale/load", "./scale/stats", "./scale/compare", "./scale/summary", "./scale/claims"},
			forbid: []string{"./suites/...", "./enforcer/..."},
		},
		{
			why:   "plain testing and cmp.Diff",
			from:  []string{"./..."},
			tests: true,
			forbid: []string{
				"github.com/stretchr/testify/...", "github.com/onsi/ginkgo/v2/...", "github.com/onsi/gomega/...",
			},
		},
	}
}

// harness bounds what those who run, probe and measure may know.
func harness() []rule {
	return []rule{
		{
			why:    "the prober runs in any pod's image: small, static, the standard library only",
			from:   []string{"./cmd/probe", "./probe/agent/...", "./probe/wire"},
			only:   []string{"./probe/agent/...", "./probe/wire"},
			forbid: []string{"./model", "./internal/..."},
		},
		{
			why:    "the prober reports observations: it can't know what was expected",
			from:   []string{"./probe/..."},
			except: []string{"./probe/flows"}, // for the family of an address
			forbid: []string{"./model"},
		},
		{
			why:    "everything probes, so what the probers import everything imports: they are the lowest layer, beside model",
			from:   []string{"./probe/..."},
			forbid: []string{"./suites/...", "./scale/...", "./testbed/...", "./reports/...", "./clusters/...", "./engines/...", "./enforcer/..."},
		},
		{
			why:    "an engine never judges itself, and the engine under test is a process, the reference one too",
			from:   []string{"./engines/..."},
			forbid: []string{"./suites/...", "./enforcer/...", "./clusters/..."},
		},
		{
			why:    "a cluster serves any suite and any engine, and knows none",
			from:   []string{"./clusters/..."},
			forbid: []string{"./suites/...", "./enforcer/...", "./engines/registry", "./internal/cli"},
		},
		{
			why:    "a testbed serves any experiment and knows none",
			from:   []string{"./testbed/..."},
			forbid: []string{"./suites/...", "./scale/...", "./enforcer/...", "./internal/cli"},
			tests:  true,
		},
		{
			why:    "what measures sees the agent as a process, from the outside, and judges nothing by oracle or case",
			from:   []string{"./scale/..."},
			forbid: []string{"./enforcer/...", "./suites/..."},
			tests:  true,
		},
		{
			why:    "experiments don't know each other: what two of them need stands below both",
			from:   []string{"./suites/..."},
			forbid: []string{"./scale/..."},
			tests:  true,
		},
		{
			why:    "what people's own policies mean is the oracle's to say: a second reading, of the enforcer, would be one too many",
			from:   []string{"./reach/..."},
			forbid: []string{"./enforcer/...", "./scale/...", "./internal/cli"},
			tests:  true,
		},
		{
			why:    "records are the same for whoever makes them: suites and scale fill them, and what computes figures stands above",
			from:   []string{"./reports/..."},
			forbid: []string{"./suites/...", "./scale/...", "./testbed/...", "./clusters/...", "./engines/...", "./probe/...", "./model"},
			tests:  true,
		},
		{
			why:    "the command line is the outermost layer",
			from:   []string{"./..."},
			except: []string{"./internal/cli", "./cmd/netassay"},
			forbid: []string{"./internal/cli"},
		},
	}
}
