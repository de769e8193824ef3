package e2e

import (
	"context"
	"flag"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/internal/testmain"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// A feature selects by label what it selects on the command line.
func TestLabelsSelectAsTheCommandLineDoes(t *testing.T) {
	all := loadAll(t)
	for _, f := range cases.Features() {
		name := string(f.Feature)
		for _, tc := range []struct {
			cli runner.Selection
			cfg *envconf.Config
		}{
			{runner.Selection{Features: []string{name}}, envconf.New().WithLabels(map[string][]string{featureLabel: {name}})},
			{runner.Selection{Features: []string{name, "SCTP"}}, envconf.New().WithLabels(map[string][]string{featureLabel: {name, "SCTP"}})},
			{runner.Selection{SkipFeatures: []string{name}}, envconf.New().WithSkipLabels(map[string][]string{featureLabel: {name}})},
		} {
			want, errWant := runner.Select(all, tc.cli)
			got, err := choose(all, tc.cfg)
			if (err != nil) != (errWant != nil) {
				t.Fatalf("%s: error %v, want %v", name, err, errWant)
			}
			if diff := cmp.Diff(namesOf(want), namesOf(got)); diff != "" {
				t.Errorf("%s (-command line +go test):\n%s", name, diff)
			}
		}
	}
}

// recorder is a session that only notes what it is asked for.
type recorder struct {
	fakeSession
	asked []string
}

func (r *recorder) Play(_ context.Context, name string) (v1.Case, error) {
	r.asked = append(r.asked, name)
	return v1.Case{Name: name, Outcome: v1.Skipped, Reason: "only noted"}, nil
}

// What we choose beforehand is what the framework then asks for.
func TestChooseIsTheFrameworksOwnSelection(t *testing.T) {
	all := loadAll(t)
	const seed = 4
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		cfg := randomSelection(rng)
		chosen, _ := choose(all, cfg) // none chosen is none asked for
		r := &run{suite: &Suite{}, ctx: t.Context()}
		rec := &recorder{}
		r.session = rec
		t.Run("selection", func(t *testing.T) {
			env.NewWithConfig(cfg).Test(t, featuresOf(all, r)...)
		})
		if diff := cmp.Diff(namesOf(chosen), rec.asked); diff != "" {
			t.Fatalf("labels %v, not %v (-chosen +asked for):\n%s", cfg.Labels(), cfg.SkipLabels(), diff)
		}
	}
}

func randomSelection(rng *rand.Rand) *envconf.Config {
	some := func() map[string][]string {
		m := map[string][]string{}
		for _, key := range slices.Sorted(maps.Keys(valid())) {
			values := valid()[key]
			for range rng.IntN(3) * rng.IntN(2) {
				m[key] = append(m[key], values[rng.IntN(len(values))])
			}
		}
		return m
	}
	cfg := envconf.New().WithLabels(some())
	if rng.IntN(2) == 0 {
		cfg.WithSkipLabels(some())
	}
	if rng.IntN(3) == 0 {
		cfg.WithFeatureRegex([]string{"port", "^i", "deny|allow"}[rng.IntN(3)])
	}
	if rng.IntN(3) == 0 {
		cfg.WithSkipFeatureRegex([]string{"egress", "range$"}[rng.IntN(2)])
	}
	return cfg
}

// Every case is a feature, with labels that some selection asks for, and steps that can be
// told apart.
func TestFeaturesAreTheCases(t *testing.T) {
	all := loadAll(t)
	list := featuresOf(all, nil)
	if len(list) != len(all) {
		t.Fatalf("%d features of %d cases", len(list), len(all))
	}
	for i, f := range list {
		if f.Name() != all[i].Name || (len(f.Labels()[directionLabel]) == 0) != all[i].HasFeature(cases.Validation) || len(f.Labels()[featureLabel]) != len(all[i].Features) {
			t.Errorf("case %s: feature %s with labels %v", all[i].Name, f.Name(), f.Labels())
		}
		if err := checkLabels(f.Labels()); err != nil {
			t.Errorf("case %s: %v", all[i].Name, err)
		}
		var steps []string
		for _, s := range f.Steps()[1:] {
			steps = append(steps, s.Name())
		}
		if slices.Contains(steps, "baseline") || slices.Contains(steps, "restore") || len(slices.Compact(slices.Sorted(slices.Values(steps)))) != len(all[i].Steps) {
			t.Errorf("case %s: assessments %v", all[i].Name, steps)
		}
	}
}

func TestLabels(t *testing.T) {
	for _, tc := range []struct {
		features []cases.Feature
		want     map[string][]string
	}{
		{
			[]cases.Feature{cases.Ingress, cases.EndPort},
			map[string][]string{"feature": {"Ingress", "EndPort"}, "direction": {"ingress"}, "family": {"dual", "ipv4", "ipv6"}},
		},
		{
			[]cases.Feature{cases.Ingress, cases.Egress, cases.DualStack},
			map[string][]string{"feature": {"Ingress", "Egress", "DualStack"}, "direction": {"ingress", "egress"}, "family": {"dual"}},
		},
	} {
		if diff := cmp.Diff(tc.want, map[string][]string(labels(cases.Case{Features: tc.features}))); diff != "" {
			t.Errorf("labels of %v (-want +got):\n%s", tc.features, diff)
		}
	}
}

// Unit tests stand aside for each of our flags, and for no other.
func TestUnitTestsKnowTheFlagsOfASuite(t *testing.T) {
	want := FrameworkFlags()
	ours(Flags()).VisitAll(func(f *pflag.Flag) { want = append(want, f.Name) })
	got := testmain.SuiteFlags()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-suite +unit tests):\n%s", diff)
	}
}

// The framework silently leaves a flag alone that is defined already, and panics at one of
// its own that is.
func TestFlagsOfOthersAreRefused(t *testing.T) {
	ours, global := ours(Flags()), flag.NewFlagSet("", flag.ContinueOnError)
	global.SetOutput(io.Discard)
	global.String("kubeconfig", "", "of controller-runtime: it may stay")
	if err := unclaimed(ours, global); err != nil {
		t.Errorf("nothing in the way: %v", err)
	}
	global.String("engine", "", "")
	global.String("labels", "", "")
	err := unclaimed(ours, global)
	if err == nil || !strings.Contains(err.Error(), "-engine") || !strings.Contains(err.Error(), "-labels") {
		t.Errorf("error %v names not both flags", err)
	}
}

// What a library or the framework has made is read all the same; what was not given leaves
// the defaults, and is not taken for given.
func TestFlagsOfTheFrameworkAreTakenOver(t *testing.T) {
	set := newSettings()
	flags := set.flags()
	global := flag.NewFlagSet("", flag.ContinueOnError)
	ours(flags).CopyToGoFlagSet(global)
	global.String("kubeconfig", "", "")
	global.String("context", "", "")
	global.Bool("fail-fast", false, "")
	global.Bool("parallel", false, "")
	args := []string{"-provider", "existing", "--kubeconfig", "k", "-fail-fast", "-parallel", "-image", "probe=p:1", "-tolerate=a:NoSchedule,b", "-image=agnhost=a:1"}
	if err := global.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := given(flags, global); err != nil {
		t.Fatal(err)
	}
	want := newSettings()
	want.bed.Provider, want.bed.Kubeconfig, want.run.FailFast = testbed.Existing, "k", true
	want.bed.Images = map[string]string{"probe": "p:1", "agnhost": "a:1"}
	want.bed.Tolerate = []string{"a:NoSchedule", "b"}
	if diff := cmp.Diff(want, set, cmp.AllowUnexported(settings{})); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{"provider": true, "kubeconfig": true, "context": false, "image": true, "topology": false, "hold": false} {
		if got := flags.Changed(name); got != want {
			t.Errorf("-%s counts as given: %v, want %v", name, got, want)
		}
	}
}
