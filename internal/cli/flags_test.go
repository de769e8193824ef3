package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/e2e"
	"github.com/netassay/netassay/testbed"
)

// everyCommand are all commands by what users type after the program's name.
func everyCommand() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		all[strings.TrimPrefix(c.CommandPath(), "netassay ")] = c
		for _, sub := range c.Commands() {
			add(sub)
		}
	}
	add(newRoot(IO{}))
	return all
}

// bedTable are the flags of package testbed with their defaults, for these providers.
func bedTable(offers ...string) *pflag.FlagSet {
	o, set := testbed.Defaults(), pflag.NewFlagSet("", pflag.ContinueOnError)
	testbed.Flags{Offers: offers}.Register(set, &o)
	return set
}

// What a run of the suite can be told on the command line it can be told in go test, by the
// same name, in the same words and with the same default, and the other way round. What is
// not so is here, with its reason.
func TestGoTestHasTheFlagsOfTheCommandLine(t *testing.T) {
	onlyCLI := map[string]string{
		"cases":        "a test plays the cases that its package was built with",
		"case":         "the framework's -feature is a pattern of case names",
		"skip-feature": "the framework's -skip-labels feature=… does it",
		"list":         "the framework's -dry-run does it",
		"help":         "go test's -help is Go's own",

		"metrics-listen": "a test's own output tells how far it is, and CI scrapes nothing",
	}
	frameworks := map[string]string{
		"feature":    "there a pattern of case names; -labels feature=… does what the command line's does",
		"dry-run":    "the same",
		"fail-fast":  "the same",
		"kubeconfig": "the same",
		"context":    "the same",
	}
	defaults := map[string]string{
		"provider": "without it go test plays nothing",
	}
	cli, gotest := everyCommand()["conformance"], e2e.Flags()
	cli.InitDefaultHelpFlag()
	seen := 0
	cli.Flags().VisitAll(func(f *pflag.Flag) {
		name := f.Name
		if name == conformance.Parallel { // the framework's of that name is no number
			name = conformance.FixtureSets
		}
		other := gotest.Lookup(name)
		framework := slices.Contains(e2e.FrameworkFlags(), name)
		if (frameworks[name] != "") != framework {
			t.Errorf("--%s: the framework has it: %v, reason %q", name, framework, frameworks[name])
		}
		switch {
		case onlyCLI[name] != "" && other == nil:
		case framework && other == nil:
			seen++
		case onlyCLI[name] != "" || other == nil:
			t.Errorf("--%s: on the command line only, without a reason, or with one that does not hold", f.Name)
		default:
			seen++
			if f.Usage != other.Usage {
				t.Errorf("--%s: %q, in go test %q", f.Name, f.Usage, other.Usage)
			}
			if (f.DefValue == other.DefValue) != (defaults[name] == "") {
				t.Errorf("--%s: default %q, in go test %q, reason %q", f.Name, f.DefValue, other.DefValue, defaults[name])
			}
		}
	})
	gotest.VisitAll(func(f *pflag.Flag) {
		if name := f.Name; name != conformance.FixtureSets && cli.Flags().Lookup(name) == nil {
			t.Errorf("-%s: in go test only", name)
		}
	})
	if seen < 20 {
		t.Errorf("only %d flags compared", seen)
	}
}

// Every command's flags with a name of the testbed's table are of that table; what is not so
// is here, with its reason.
func TestCommandsTakeTheirTestbedsFlagsFromTheTable(t *testing.T) {
	others := map[string]string{
		"scale engine":        "several, one after the other",
		"scale nodes":         "hollow ones",
		"scale claims engine": "several, one after the other",
		"scale claims nodes":  "hollow ones",
		"footprint nodes":     "hollow ones",
		"footprint engine":    "several, one after the other",
		"chaos nodes":         "two are enough",
		"nightly engine":      "several, one after the other",
		"assert proxy-mode":   "the same",
	}
	for _, kind := range []string{"sonobuoy", "job"} {
		others[kind+" gen scale engine"], others[kind+" gen scale nodes"] = "refused", "refused"
	}
	offers := map[string][]string{
		"conformance": testbed.BuiltIn(), "verify": testbed.BuiltIn(), "fuzz": testbed.BuiltIn(),
		"scale": testbed.BuiltIn(), "scale claims": {testbed.Lab}, "footprint": {testbed.Lab, testbed.Kind}, "chaos": {testbed.Lab}, "lab up": {testbed.Lab},
		"nightly": {testbed.Lab}, "clean": {testbed.Existing},
		"snapshot": {testbed.Existing}, "snapshot diff": {testbed.Lab}, "reach": {testbed.Existing}, "explain": {testbed.Existing},
		"assert": {testbed.Existing}, "audit": {testbed.Existing}, "migrate check": {testbed.Existing}, "migrate watch": {testbed.Lab, testbed.Existing},
	}
	for _, kind := range []string{"sonobuoy", "job"} {
		for _, e := range podExperiments() {
			offers[kind+" gen "+e.name] = []string{testbed.Existing}
		}
	}
	every := bedTable(testbed.BuiltIn()...)
	for name, c := range everyCommand() {
		table := bedTable(offers[name]...)
		found := 0
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if every.Lookup(f.Name) == nil {
				return
			}
			found++
			want, reason := table.Lookup(f.Name), others[name+" "+f.Name]
			same := want != nil && want.Usage == f.Usage && want.DefValue == f.DefValue
			if same != (reason == "") {
				t.Errorf("%s --%s: %q (default %q) is not of the table, reason %q", name, f.Name, f.Usage, f.DefValue, reason)
			}
		})
		if (found > 0) != (offers[name] != nil) {
			t.Errorf("%s has %d flags of a testbed, and offers %v", name, found, offers[name])
		}
	}
}
