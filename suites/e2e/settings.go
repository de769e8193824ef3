package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"
	"sigs.k8s.io/e2e-framework/pkg/envconf"

	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/internal/testmain"
	"github.com/netassay/netassay/testbed"
)

// settings are what the flags of a test binary say.
type settings struct {
	framework *envconf.Config
	bed       testbed.Options // without a Provider, nothing is played
	run       conformance.Settings
}

func newSettings() *settings {
	s := &settings{bed: testbed.Defaults(), run: conformance.Defaults()}
	s.bed.Provider = "" // unit tests that nobody has asked to play anything don't
	return s
}

// bedFlags are those of the command line, in go test's spelling.
func bedFlags() testbed.Flags { return testbed.Flags{Dash: "-", Offers: testbed.BuiltIn()} }

// flags are all that have a place in the settings.
func (s *settings) flags() *pflag.FlagSet {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	bedFlags().Register(set, &s.bed)
	s.run.Register(set, conformance.FixtureSets)
	return set
}

// Flags are the flags that a suite adds to a test binary: all that have a place in its
// settings, of which the framework makes some by itself (see FrameworkFlags).
func Flags() *pflag.FlagSet { return newSettings().flags() }

// FrameworkFlags are the flags that the framework makes, and gives meaning to. When one is
// defined already it silently leaves it alone, and what the user said is lost.
func FrameworkFlags() []string { return testmain.FrameworkFlags() }

// ours are the flags of set that the framework does not make.
func ours(set *pflag.FlagSet) *pflag.FlagSet {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	set.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(FrameworkFlags(), f.Name) {
			own.AddFlag(f)
		}
	})
	return own
}

// parse registers and reads all flags, once in the life of a program: the framework knows
// no other set than the global one, and panics at the second time.
func (s *Suite) parse() (*settings, error) {
	set := newSettings()
	set.bed.Providers, set.bed.UnderTest = s.Providers, s.Engine
	flags := set.flags()
	if err := unclaimed(ours(flags), flag.CommandLine); err != nil {
		return nil, err
	}
	ours(flags).CopyToGoFlagSet(flag.CommandLine)
	var err error
	if set.framework, err = parseFramework(); err != nil {
		return nil, err
	}
	return set, errors.Join(given(flags, flag.CommandLine), set.complete(flags))
}

// unclaimed refuses names that the test package uses itself.
func unclaimed(ours *pflag.FlagSet, global *flag.FlagSet) error {
	names := slices.DeleteFunc(FrameworkFlags(), func(name string) bool { return name == "kubeconfig" })
	ours.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	var errs []error
	for _, name := range names {
		if global.Lookup(name) != nil {
			errs = append(errs, fmt.Errorf("flag -%s is defined by this test package or a library of it: the suite needs it, give the other another name", name))
		}
	}
	return errors.Join(errs...)
}

// parseFramework reads the command line. The framework panics at what a user did wrong.
func parseFramework() (cfg *envconf.Config, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			err = fmt.Errorf("read flags: %v", wrong)
		}
	}()
	return envconf.NewFromFlags()
}

// given marks what was given in the global set, and takes over the values of those that the
// framework or a library has made: the framework does not tell them all.
func given(flags *pflag.FlagSet, global *flag.FlagSet) error {
	var errs []error
	global.Visit(func(f *flag.Flag) {
		switch known := flags.Lookup(f.Name); {
		case known == nil:
		case slices.Contains(FrameworkFlags(), f.Name):
			errs = append(errs, flags.Set(f.Name, f.Value.String()))
		default:
			known.Changed = true
		}
	})
	return errors.Join(errs...)
}

// complete checks the values.
func (s *settings) complete(flags *pflag.FlagSet) error {
	if err := errors.Join(checkLabels(s.framework.Labels()), checkLabels(s.framework.SkipLabels())); err != nil {
		return err
	}
	if err := s.run.Check("-" + conformance.FixtureSets); err != nil {
		return err
	}
	if !s.framework.ParallelTestEnabled() {
		s.run.FixtureSets = 1
	}
	if s.bed.Provider == "" {
		return nil
	}
	return bedFlags().Check(flags, s.bed)
}

// tool is what reports call the program that made them.
func tool() string { return "netassay (go test) " + moduleVersion() }

// workDir is where relative paths begin: go test runs a test in its package's directory, which is
// not where the user is.
func workDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find current directory: %w", err)
	}
	return moduleRoot(dir), nil
}
