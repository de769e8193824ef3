package misread

import (
	"maps"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/suites/oracle"
)

// requirement is one of a selector's: matchLabels come as In with one value.
type requirement struct {
	key    string
	op     metav1.LabelSelectorOperator
	values []string
	plain  bool // of matchLabels
}

// requirements are a selector's: those of matchLabels by key, then the expressions.
func requirements(s *metav1.LabelSelector) []requirement {
	all := make([]requirement, 0, len(s.MatchLabels)+len(s.MatchExpressions))
	for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		all = append(all, requirement{k, metav1.LabelSelectorOpIn, []string{s.MatchLabels[k]}, true})
	}
	for _, e := range s.MatchExpressions {
		all = append(all, requirement{e.Key, e.Operator, e.Values, false})
	}
	return all
}

func (q requirement) matches(labels map[string]string) bool {
	return oracle.Meets(metav1.LabelSelectorRequirement{Key: q.key, Operator: q.op, Values: q.values}, labels)
}

func matchesAll(all []requirement, labels map[string]string) bool {
	return !slices.ContainsFunc(all, func(q requirement) bool { return !q.matches(labels) })
}

// labelMistake is a way to misread a selector.
type labelMistake struct {
	name    string
	matches func(all []requirement, labels map[string]string) bool
}

// requires makes a mistake of one requirement a mistake of selectors.
func requires(name string, one func(q requirement, labels map[string]string) bool) labelMistake {
	return labelMistake{name, func(all []requirement, labels map[string]string) bool {
		return !slices.ContainsFunc(all, func(q requirement) bool { return !one(q, labels) })
	}}
}

// only makes a mistake in which requirements count.
func only(name string, which func(all []requirement) []requirement) labelMistake {
	return labelMistake{name, func(all []requirement, labels map[string]string) bool { return matchesAll(which(all), labels) }}
}

// on is the mistake of one operator's.
func on(op metav1.LabelSelectorOperator, name string, wrong func(q requirement, value string, has bool) bool) labelMistake {
	return requires(string(op)+" "+name, func(q requirement, labels map[string]string) bool {
		if q.op != op || q.plain {
			return q.matches(labels)
		}
		value, has := labels[q.key]
		return wrong(q, value, has)
	})
}

func labelMistakes() []labelMistake {
	return slices.Concat(selectorMistakes(), valueMistakes(), operatorMistakes())
}

func selectorMistakes() []labelMistake {
	return []labelMistake{
		{"is ignored", func([]requirement, map[string]string) bool { return true }},
		{"selects nobody", func([]requirement, map[string]string) bool { return false }},
		{"when empty selects nobody", func(all []requirement, l map[string]string) bool { return len(all) > 0 && matchesAll(all, l) }},
		{"takes any of its requirements", func(all []requirement, l map[string]string) bool {
			return len(all) == 0 || slices.ContainsFunc(all, func(q requirement) bool { return q.matches(l) })
		}},
		only("takes its first requirement only", func(all []requirement) []requirement { return all[:min(1, len(all))] }),
		only("takes its last requirement only", func(all []requirement) []requirement { return all[max(0, len(all)-1):] }),
		only("ignores matchLabels", func(all []requirement) []requirement {
			return filter(all, func(q requirement) bool { return !q.plain })
		}),
		only("ignores matchExpressions", func(all []requirement) []requirement { return filter(all, func(q requirement) bool { return q.plain }) }),
		only("ignores the second of matchLabels", func(all []requirement) []requirement { return withoutPlain(all, 1) }),
		only("ignores the first of two matchLabels", func(all []requirement) []requirement { return withoutPlain(all, 0) }),
	}
}

func filter(all []requirement, keep func(requirement) bool) []requirement {
	return slices.DeleteFunc(slices.Clone(all), func(q requirement) bool { return !keep(q) })
}

// withoutPlain leaves out the n-th of matchLabels, where there are at least two.
func withoutPlain(all []requirement, n int) []requirement {
	if len(all) < 2 || !all[0].plain || !all[1].plain {
		return all
	}
	return slices.Delete(slices.Clone(all), n, n+1)
}

func valueMistakes() []labelMistake {
	compare := func(name string, same func(want, got string) bool) labelMistake {
		return requires(name, func(q requirement, labels map[string]string) bool {
			value, has := labels[q.key]
			in := has && slices.ContainsFunc(q.values, func(want string) bool { return same(want, value) })
			switch q.op {
			case metav1.LabelSelectorOpIn:
				return in
			case metav1.LabelSelectorOpNotIn:
				return !in
			default:
				return q.matches(labels)
			}
		})
	}
	return []labelMistake{
		compare("folds the case of values", strings.EqualFold),
		compare("takes values as prefixes", func(want, got string) bool { return strings.HasPrefix(got, want) }),
		compare("takes an empty value as any", func(want, got string) bool { return want == "" || want == got }),
		requires("folds the case of keys", func(q requirement, labels map[string]string) bool {
			folded := map[string]string{}
			for k, v := range labels {
				folded[strings.ToLower(k)] = v
			}
			q.key = strings.ToLower(q.key)
			return q.matches(folded)
		}),
		requires("takes a label with an empty value as none", func(q requirement, labels map[string]string) bool {
			full := maps.Clone(labels)
			maps.DeleteFunc(full, func(_, v string) bool { return v == "" })
			return q.matches(full)
		}),
		requires("takes no label as one with an empty value", func(q requirement, labels map[string]string) bool {
			if _, has := labels[q.key]; !has && (q.op == metav1.LabelSelectorOpIn || q.op == metav1.LabelSelectorOpNotIn) {
				return q.matches(map[string]string{q.key: ""})
			}
			return q.matches(labels)
		}),
	}
}

func operatorMistakes() []labelMistake {
	const in, notIn, exists, absent = metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist
	always := func(requirement, string, bool) bool { return true }
	never := func(requirement, string, bool) bool { return false }
	return []labelMistake{
		on(in, "is ignored", always),
		on(in, "matches nothing", never),
		on(in, "takes its first value only", func(q requirement, v string, has bool) bool { return has && q.values[0] == v }),
		on(in, "takes its last value only", func(q requirement, v string, has bool) bool { return has && q.values[len(q.values)-1] == v }),
		on(in, "matches an absent key", func(q requirement, v string, has bool) bool { return !has || slices.Contains(q.values, v) }),
		on(notIn, "is ignored", always),
		on(notIn, "matches nothing", never),
		on(notIn, "is taken as In", func(q requirement, v string, has bool) bool { return has && slices.Contains(q.values, v) }),
		on(notIn, "takes its first value only", func(q requirement, v string, has bool) bool { return !has || q.values[0] != v }),
		on(notIn, "takes its last value only", func(q requirement, v string, has bool) bool { return !has || q.values[len(q.values)-1] != v }),
		on(notIn, "does not match an absent key", func(q requirement, v string, has bool) bool { return has && !slices.Contains(q.values, v) }),
		on(exists, "is ignored", always),
		on(exists, "matches nothing", never),
		on(exists, "wants a value", func(_ requirement, v string, has bool) bool { return has && v != "" }),
		on(exists, "is taken as DoesNotExist", func(_ requirement, _ string, has bool) bool { return !has }),
		on(absent, "is ignored", always),
		on(absent, "matches nothing", never),
		on(absent, "matches an empty value", func(_ requirement, v string, has bool) bool { return !has || v == "" }),
	}
}

// ofLabels are the readings with a mistake of selectors, in each role and direction.
func ofLabels() []*Reading {
	var all []*Reading
	for _, role := range []Role{Subject, PeerPod, Namespace} {
		for _, d := range directions() {
			for _, m := range labelMistakes() {
				r := named(d, string(role)+" selector "+m.name)
				right := r.selects
				r.selects = func(in Role, of Direction, s *metav1.LabelSelector, labels map[string]string) bool {
					if in == role && of == d {
						return m.matches(requirements(s), labels)
					}
					return right(in, of, s, labels)
				}
				all = append(all, r)
			}
		}
	}
	return all
}

func directions() []Direction {
	return []Direction{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress}
}

// named is the right reading under the name of a mistake in one direction.
func named(d Direction, mistake string) *Reading {
	r := Right()
	r.Name = strings.ToLower(string(d)) + ": " + mistake
	return r
}
