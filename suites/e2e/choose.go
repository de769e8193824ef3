package e2e

import (
	"fmt"
	"slices"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"

	"github.com/netassay/netassay/suites/cases"
)

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
