package existingtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/reach/live"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/suites/verify"
)

// Without any one verb, preflight says one line, which names it and the rule that grants it.
func (f *theirs) testEachRight(t *testing.T) {
	c := f.front(t, theUser).open()
	needs := clusters.Needs{Permissions: runner.Permissions(false)}
	f.eachRight(t, "netassay", needs.Permissions, func() []string {
		return slices.DeleteFunc(lines(t, c, needs), func(line string) bool { return !strings.HasPrefix(line, "no permission") })
	})
}

// Who has the rights of read.yaml can read a cluster, and without any of them is told which.
func (f *theirs) testReader(t *testing.T) {
	f.apply(t, readManifest)
	c := f.front(t, "system:serviceaccount:netassay:netassay-reader").open()
	read := func() (lines []string) {
		if _, err := live.Read(t.Context(), c, nil); err != nil {
			return strings.Split(err.Error(), "\n")
		}
		return nil
	}
	eventually(t, "the cluster is read", func() bool { return len(read()) == 0 })
	f.eachRight(t, "netassay-reader", live.Permissions(), read)
}

// eachRight takes each verb of a role away in turn: look must give the one line about it.
func (f *theirs) eachRight(t *testing.T, roleName string, permissions []clusters.Permission, look func() []string) {
	t.Helper()
	roles := f.admin.RbacV1().ClusterRoles()
	whole, err := roles.Get(t.Context(), roleName, metav1.GetOptions{})
	must(t, err)
	bind := func(rules []rbacv1.PolicyRule) {
		role, err := roles.Get(t.Context(), roleName, metav1.GetOptions{})
		must(t, err)
		role.Rules = rules
		_, err = roles.Update(t.Context(), role, metav1.UpdateOptions{})
		must(t, err)
	}
	var got []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last lines: %q", got)
		}
	})
	for _, p := range permissions {
		for _, verb := range p.Verbs {
			// The API server takes each role in a moment later.
			bind(without(whole.Rules, p, verb.Name))
			name := p.Rule()
			eventually(t, "the line about "+verb.Name+" "+name+", and no other", func() bool {
				got = look()
				return len(got) == 1 && strings.HasPrefix(got[0], "no permission to "+verb.Name+" ") &&
					strings.Contains(got[0], "resources: ["+name+"], verbs: ["+verb.Name+"]}")
			})
		}
	}
	bind(whole.Rules)
	eventually(t, "all rights are back", func() bool { return len(look()) == 0 })
}

// without are rules that lack one verb of one kind of object.
func without(rules []rbacv1.PolicyRule, p clusters.Permission, verb string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, r := range rules {
		for _, resource := range r.Resources {
			one := *r.DeepCopy()
			one.Resources = []string{resource}
			if resource == p.Rule() && r.APIGroups[0] == p.Group {
				one.Verbs = slices.DeleteFunc(one.Verbs, func(v string) bool { return v == verb })
			}
			if len(one.Verbs) > 0 {
				out = append(out, one)
			}
		}
	}
	return out
}

// The experiments run with exactly the rights of the manifests that netassay job gen prints.
func (f *theirs) testJobs(t *testing.T) {
	const account = "system:serviceaccount:netassay:netassay-"
	f.apply(t, "../../examples/job/conformance.yaml")
	f.apply(t, "../../examples/job/verify.yaml")
	run := f.front(t, account+"conformance").play(t, false, nil, "peer-pod-selector")
	if len(run.Cases) != 1 || run.Cases[0].Outcome != v1.Pass {
		t.Errorf("conformance: %+v", run.Cases)
	}
	var steps []v1.CheckStep
	pass, err := verify.Run(t.Context(), labImages{f.front(t, account+"verify").open()}, verify.Options{
		Deadline: 20 * time.Second, Confirmations: 2, Report: func(s v1.CheckStep) { steps = append(steps, s) },
	})
	if err != nil || !pass {
		t.Errorf("verify: pass %v, %v: %+v", pass, err, steps)
	}
}
