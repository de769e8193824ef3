package match

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Selector is a checked label selector with a canonical text: two selectors that list the
// same requirements in different order or spelling have the same Key.
type Selector struct {
	key     string
	matches labels.Selector
}

// Everything selects every object.
func Everything() Selector { return Selector{key: "*", matches: labels.Everything()} }

// ParseSelector checks a selector. A nil one is an error: what its absence means depends
// on the field, so the caller must know.
func ParseSelector(s *metav1.LabelSelector) (Selector, error) {
	if s == nil {
		return Selector{}, fmt.Errorf("parse selector: it is absent")
	}
	matches, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return Selector{}, fmt.Errorf("parse selector: %w", err)
	}
	if matches.Empty() {
		return Everything(), nil
	}
	return Selector{key: canonical(s), matches: matches}, nil
}

// Key is the canonical text. It is "*" exactly for the selector of everything.
func (s Selector) Key() string { return s.key }

// Everything reports whether the selector has no requirement.
func (s Selector) Everything() bool { return s.key == "*" }

func (s Selector) match(set map[string]string) bool { return s.matches.Matches(labels.Set(set)) }

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
