package match

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Selector is a checked label selector with a canonical text: two selectors that list the
// same requirements in different order or spelling have the same Key.
type Selector struct {
	key string
	any []labels.Selector // what one of these selects
}

// Everything selects every object.
func Everything() Selector { return Selector{"*", []labels.Selector{labels.Everything()}} }

// Any selects what one of the selectors does.
func Any(of ...Selector) Selector {
	of = slices.Clone(of)
	slices.SortFunc(of, func(a, b Selector) int { return strings.Compare(a.key, b.key) })
	of = slices.CompactFunc(of, func(a, b Selector) bool { return a.key == b.key })
	if slices.ContainsFunc(of, Selector.Everything) {
		return Everything()
	}
	var keys []string
	var all Selector
	for _, s := range of {
		keys, all.any = append(keys, s.key), append(all.any, s.any...)
	}
	all.key = strings.Join(keys, " | ")
	return all
}

// AddKeys adds the keys of the labels that the selector asks for.
func AddKeys(keys map[string]struct{}, s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	for k := range s.MatchLabels {
		keys[k] = struct{}{}
	}
	for _, r := range s.MatchExpressions {
		keys[r.Key] = struct{}{}
	}
}

// ParseSelector checks a selector. A nil one is an error: what its absence means depends
// on the field, so the caller must know.
func ParseSelector(s *metav1.LabelSelector) (Selector, error) {
	if s == nil {
		return Selector{}, fmt.Errorf("parse selector: it is absent")
	}
	possible, nobody := withoutImpossible(s)
	matches, err := metav1.LabelSelectorAsSelector(possible)
	if err != nil {
		return Selector{}, fmt.Errorf("parse selector: %w", err)
	}
	if nobody {
		return Selector{"!", nil}, nil
	}
	if matches.Empty() {
		return Everything(), nil
	}
	return Selector{canonical(possible), []labels.Selector{matches}}, nil
}

// withoutImpossible leaves out the values that no label can have. API servers before 1.24
// stored them, and apimachinery refuses the whole selector for one. nobody: a requirement
// wants one of nothing else.
func withoutImpossible(s *metav1.LabelSelector) (possible *metav1.LabelSelector, nobody bool) {
	possible = &metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, r := range s.MatchExpressions {
		in := r.Operator == metav1.LabelSelectorOpIn
		if had := len(r.Values) > 0; had && (in || r.Operator == metav1.LabelSelectorOpNotIn) {
			r.Values = slices.DeleteFunc(slices.Clone(r.Values), func(v string) bool { return len(validation.IsValidLabelValue(v)) > 0 })
			if len(r.Values) == 0 {
				nobody = nobody || in
				continue
			}
		}
		possible.MatchExpressions = append(possible.MatchExpressions, r)
	}
	return possible, nobody
}

// Key is the canonical text. It is "*" exactly for the selector of everything.
func (s Selector) Key() string { return s.key }

// Everything reports whether the selector has no requirement.
func (s Selector) Everything() bool { return s.key == "*" }

func (s Selector) match(set map[string]string) bool {
	return slices.ContainsFunc(s.any, func(one labels.Selector) bool { return one.Matches(labels.Set(set)) })
}

// canonical sorts requirements and values and drops repeated ones. A matchLabels entry is
// an In with one value.
func canonical(s *metav1.LabelSelector) string {
	var terms []string
	for k, v := range s.MatchLabels {
		terms = append(terms, term(k, metav1.LabelSelectorOpIn, []string{v}))
	}
	for _, r := range s.MatchExpressions {
		terms = append(terms, term(r.Key, r.Operator, r.Values))
	}
	slices.Sort(terms)
	return strings.Join(slices.Compact(terms), ";")
}

func term(key string, op metav1.LabelSelectorOperator, values []string) string {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return key + " " + string(op) + " " + strings.Join(slices.Compact(sorted), ",")
}
