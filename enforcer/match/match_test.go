package match

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
)

func TestSelectorKey(t *testing.T) {
	in := func(k string, vs ...string) metav1.LabelSelectorRequirement {
		return metav1.LabelSelectorRequirement{Key: k, Operator: metav1.LabelSelectorOpIn, Values: vs}
	}
	for _, tc := range []struct {
		name string
		a, b metav1.LabelSelector
		same bool
	}{
		{"nothing and an empty list", metav1.LabelSelector{}, metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{}}, true},
		{"a label and an In of one value", metav1.LabelSelector{MatchLabels: map[string]string{"a": "1"}}, expr(in("a", "1")), true},
		{"order of values", expr(in("a", "1", "2")), expr(in("a", "2", "1", "2")), true},
		{"order of requirements", expr(in("a", "1"), in("b", "1")), expr(in("b", "1"), in("a", "1"), in("b", "1")), true},
		{"another value", expr(in("a", "1")), expr(in("a", "2")), false},
		{"and is not or", expr(in("a", "1"), in("a", "2")), expr(in("a", "1", "2")), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := parse(t, tc.a), parse(t, tc.b)
			if (a.Key() == b.Key()) != tc.same {
				t.Errorf("keys %q and %q, want same: %t", a.Key(), b.Key(), tc.same)
			}
		})
	}
}

func TestParseSelectorRejects(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   *metav1.LabelSelector
	}{
		{"absent", nil},
		{"unknown operator", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}},
		{"In without values", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: metav1.LabelSelectorOpIn}}}},
		{"Exists with values", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: metav1.LabelSelectorOpExists, Values: []string{"x"}}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if s, err := ParseSelector(tc.in); err == nil {
				t.Errorf("accepted as %q", s.Key())
			}
		})
	}
}

// Values that no label can have are not refused: API servers before 1.24 stored them.
func TestImpossibleValues(t *testing.T) {
	for _, tc := range []struct {
		name     string
		operator metav1.LabelSelectorOperator
		values   []string
		want     string // key
	}{
		{"in nothing else", metav1.LabelSelectorOpIn, []string{"not a value"}, "!"},
		{"in a possible one too", metav1.LabelSelectorOpIn, []string{"a,b", "1"}, parse(t, metav1.LabelSelector{MatchLabels: map[string]string{"a": "1"}}).Key()},
		{"not in it", metav1.LabelSelectorOpNotIn, []string{"not a value"}, Everything().Key()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := parse(t, expr(metav1.LabelSelectorRequirement{Key: "a", Operator: tc.operator, Values: tc.values}))
			if got.Key() != tc.want || got.match(map[string]string{"a": "1"}) != (tc.want != "!") || got.match(nil) != got.Everything() {
				t.Errorf("key %q, want %q", got.Key(), tc.want)
			}
		})
	}
}

func TestIndex(t *testing.T) {
	x := NewIndex(
		[]model.Namespace{{Name: "x", Labels: map[string]string{"team": "1"}}, {Name: "y"}, {Name: "empty"}},
		[]model.Pod{
			pod("x", "a", "app", "web"), pod("x", "b", "app", "web"), pod("x", "c"),
			pod("y", "a", "app", "web"), pod("unknown", "a", "app", "web"),
			{Namespace: "x", Name: "host", HostNetwork: true, Labels: map[string]string{"app": "web"}},
		})
	web := parse(t, metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}})
	notWeb := parse(t, expr(metav1.LabelSelectorRequirement{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"web", "db"}}))
	noTeam := parse(t, expr(metav1.LabelSelectorRequirement{Key: "team", Operator: metav1.LabelSelectorOpDoesNotExist}))
	for _, tc := range []struct {
		name string
		seq  Choice
		want []string
	}{
		{"by label", x.InNamespace("x", web), []string{"x/a", "x/b"}},
		{"NotIn holds for an absent key", x.InNamespace("x", notWeb), []string{"x/c"}},
		{"everything but the host's network", x.InNamespace("x", Everything()), []string{"x/a", "x/b", "x/c"}},
		{"a namespace without pods", x.InNamespace("empty", Everything()), nil},
		{"across all known namespaces", x.Across(Everything(), web), []string{"x/a", "x/b", "y/a"}},
		{"across negative: the unknown namespace is not selected", x.Across(noTeam, web), []string{"y/a"}},
		{"all", x.All(), []string{"unknown/a", "x/a", "x/b", "x/c", "y/a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, keys(tc.seq.Pods())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if len(x.labelSets) != 2 {
		t.Errorf("%d label sets, want 2", len(x.labelSets))
	}
}

// TestUnion: a union names each pod once that one of its choices names.
func TestUnion(t *testing.T) {
	x := NewIndex([]model.Namespace{{Name: "x"}, {Name: "y", Labels: map[string]string{"team": "1"}}}, []model.Pod{
		pod("x", "a", "app", "web"), pod("x", "b", "app", "db"), pod("x", "c"), pod("y", "a", "app", "web"), pod("y", "b", "app", "db"),
	})
	app := func(v string) Selector {
		return parse(t, metav1.LabelSelector{MatchLabels: map[string]string{"app": v}})
	}
	team := parse(t, metav1.LabelSelector{MatchLabels: map[string]string{"team": "1"}})
	for _, tc := range []struct {
		name string
		of   []Choice
		want []string
	}{
		{"of one namespace", []Choice{x.InNamespace("x", app("web")), x.InNamespace("x", app("db"))}, []string{"x/a", "x/b"}},
		{"of two", []Choice{x.InNamespace("x", app("web")), x.InNamespace("y", app("db"))}, []string{"x/a", "y/b"}},
		{"twice by two selectors", []Choice{x.Across(team, app("web")), x.InNamespace("y", Everything())}, []string{"y/a", "y/b"}},
		{"a namespace and all", []Choice{x.InNamespace("x", app("db")), x.Across(Everything(), app("web"))}, []string{"x/a", "x/b", "y/a"}},
		{"everything", []Choice{x.InNamespace("x", app("db")), x.InNamespace("x", Everything())}, []string{"x/a", "x/b", "x/c"}},
		{"all", []Choice{x.InNamespace("x", app("db")), x.All()}, []string{"x/a", "x/b", "x/c", "y/a", "y/b"}},
		{"nobody", []Choice{x.InNamespace("x", app("no")), x.InNamespace("z", app("web"))}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := Union(tc.of...)
			if diff := cmp.Diff(tc.want, keys(u.Pods())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := u.Addresses(); n != len(tc.want) {
				t.Errorf("Addresses() = %d, want %d", n, len(tc.want))
			}
		})
	}
}

// TestWhatNobodyAsksForIsForgotten: labels that are each pod's own cost nothing until a
// selector asks for them, and answers to selectors that are gone go too.
func TestWhatNobodyAsksForIsForgotten(t *testing.T) {
	var pods []model.Pod
	for i := range 1000 {
		pods = append(pods, pod("x", fmt.Sprint("p", i), "app", fmt.Sprint(i%2), "name", fmt.Sprint("p", i)))
	}
	nss := []model.Namespace{{Name: "x"}}
	ask := func(sel metav1.LabelSelector) map[string]struct{} {
		asked := map[string]struct{}{}
		AddKeys(asked, &sel)
		return asked
	}
	app := metav1.LabelSelector{MatchLabels: map[string]string{"app": "1"}}
	own := expr(metav1.LabelSelectorRequirement{Key: "name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"p7"}})
	var x Index
	x.Ask(ask(app))
	x.Update(nss, pods)
	if n := x.InNamespace("x", parse(t, app)).Addresses(); n != 500 || len(x.labelSets) != 2 {
		t.Errorf("%d pods and %d label sets, want 500 and 2", n, len(x.labelSets))
	}
	x.Ask(ask(own))
	x.Update(nss, pods)
	if n := x.InNamespace("x", parse(t, own)).Addresses(); n != 999 {
		t.Errorf("%d pods are not p7, want 999", n)
	}
	x.Update(nss, pods)
	if _, ok := x.answers[parse(t, own).Key()]; !ok || len(x.answers) != 1 {
		t.Errorf("%d answers, want the one that was asked for last", len(x.answers))
	}
}

func BenchmarkIndex20k(b *testing.B) {
	var nss []model.Namespace
	var pods []model.Pod
	for i := range 20000 {
		pods = append(pods, pod(fmt.Sprint("ns", i%100), fmt.Sprint("p", i), "app", fmt.Sprint(i%300), "tier", "x", "pod-template-hash", fmt.Sprint(i%300)))
	}
	for i := range 100 {
		nss = append(nss, model.Namespace{Name: fmt.Sprint("ns", i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		NewIndex(nss, pods)
	}
}

func expr(rs ...metav1.LabelSelectorRequirement) metav1.LabelSelector {
	return metav1.LabelSelector{MatchExpressions: rs}
}

func parse(t *testing.T, in metav1.LabelSelector) Selector {
	t.Helper()
	s, err := ParseSelector(&in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pod(ns, name string, kv ...string) model.Pod {
	p := model.Pod{Namespace: ns, Name: name, Labels: map[string]string{}, IPs: make([]netip.Addr, 1)}
	for i := 0; i < len(kv); i += 2 {
		p.Labels[kv[i]] = kv[i+1]
	}
	return p
}

func keys(seq iter.Seq[*model.Pod]) []string {
	var out []string
	for p := range seq {
		out = append(out, p.Key())
	}
	slices.Sort(out)
	return out
}
