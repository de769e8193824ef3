package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/suites/cases"
)

// The keys of labels.
const (
	featureLabel   = "feature"
	directionLabel = "direction"
	familyLabel    = "family"
)

// labels are what --labels and --skip-labels see of a case: every feature that it needs,
// the directions of its policies, and the IP families that it can be played in: "ipv4" and
// "ipv6" stand for clusters of which one is enough, "dual" for those that it needs.
func labels(c cases.Case) features.Labels {
	l := features.Labels{featureLabel: c.FeatureNames()}
	if c.HasFeature(cases.Ingress) {
		l[directionLabel] = append(l[directionLabel], "ingress")
	}
	if c.HasFeature(cases.Egress) {
		l[directionLabel] = append(l[directionLabel], "egress")
	}
	l[familyLabel] = []string{"dual"}
	if !c.HasFeature(cases.DualStack) {
		l[familyLabel] = []string{"dual", "ipv4", "ipv6"}
	}
	return l
}

// valid are the labels that cases can have.
func valid() map[string][]string {
	return map[string][]string{
		featureLabel:   cases.FeatureNames(),
		directionLabel: {"ingress", "egress"},
		familyLabel:    {"ipv4", "ipv6", "dual"},
	}
}

// checkLabels refuses what no case can have. The framework would select nothing, and pass.
func checkLabels(wanted map[string][]string) error {
	v := valid()
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if err := suggest.OneOf("label", key, slices.Sorted(maps.Keys(v))...); err != nil {
			return err
		}
		for _, value := range wanted[key] {
			if err := suggest.OneOf(key, value, v[key]...); err != nil {
				return err
			}
		}
	}
	return nil
}

// featuresOf makes a feature of each case. Without a run they can only be listed.
func featuresOf(all []cases.Case, r *run) []features.Feature {
	list := make([]features.Feature, 0, len(all))
	for _, c := range all {
		list = append(list, featureOf(c, r))
	}
	return list
}

// featureOf is the case as the framework sees it. Its set-up plays the whole case, because
// its steps depend on each other and are watched while they follow one another; the
// assessments tell what became of each.
func featureOf(c cases.Case, r *run) features.Feature {
	p := &played{run: r, c: c}
	b := features.NewWithDescription(c.Name, c.Title).WithSetup("play", guarded(p.play))
	for key, values := range labels(c) {
		for _, v := range values {
			b.WithLabel(key, v)
		}
	}
	for i, step := range c.Steps {
		b.Assess(step.Name, guarded(p.assess(i)))
	}
	return b.Feature()
}

// inOrder sorts cases as names has them; those that are not in it come last.
func inOrder(all []cases.Case, names []string) []cases.Case {
	rank := map[string]int{}
	for i, name := range names {
		rank[name] = i + 1
	}
	place := func(c cases.Case) int { return cmp.Or(rank[c.Name], len(names)+1) }
	return slices.SortedStableFunc(slices.Values(all), func(a, b cases.Case) int { return cmp.Compare(place(a), place(b)) })
}

// choose finds out which cases the framework will select, before it does: an empty
// selection is a mistake of the user and not a green run, and a run that is stopped must
// say which cases it owes. A test holds this to what the framework does.
func choose(all []cases.Case, cfg *envconf.Config) ([]cases.Case, error) {
	var chosen []cases.Case
	for _, c := range all {
		if selects(cfg, c.Name, labels(c)) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) > 0 {
		return chosen, nil
	}
	hint := ""
	if re := cfg.FeatureRegex(); re != nil && slices.ContainsFunc(cases.FeatureNames(), re.MatchString) {
		hint = fmt.Sprintf(" (--feature is a pattern of case names; for a feature of the API, --labels feature=%s)", re)
	}
	return nil, fmt.Errorf("no case is left: --feature, --labels, --skip-features and --skip-labels together exclude all %d%s", len(all), hint)
}

// selects is the framework's rule: both patterns, then every key of --labels with any of
// its values, then no value of any key of --skip-labels.
func selects(cfg *envconf.Config, name string, l features.Labels) bool {
	if re := cfg.FeatureRegex(); re != nil && !re.MatchString(name) {
		return false
	}
	if re := cfg.SkipFeatureRegex(); re != nil && re.MatchString(name) {
		return false
	}
	for key, values := range cfg.Labels() {
		if !hasAny(l, key, values) {
			return false
		}
	}
	for key, values := range cfg.SkipLabels() {
		if hasAny(l, key, values) {
			return false
		}
	}
	return true
}

func hasAny(l features.Labels, key string, values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return l.Contains(key, v) })
}
