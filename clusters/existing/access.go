package existing

import (
	"context"
	"fmt"
	"strings"

	authnv1 "k8s.io/api/authentication/v1"
	authzv1 "k8s.io/api/authorization/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
)

// Looks are what is read beside what a suite needs, where that is allowed: without these rights
// less can be told of a cluster.
func Looks() []clusters.Permission {
	engine := clusters.Verb{Name: "list", Why: "to tell which engine is at work; without it the report says that nobody could look"}
	around := clusters.Verb{Name: "list", Why: "to tell of policies in the namespace that this runs in"}
	return append([]clusters.Permission{
		{Group: "apps", Resource: "daemonsets", Verbs: []clusters.Verb{engine}},
		{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: []clusters.Verb{around}},
	}, wideLooks()...)
}

// missingRights asks the API server for each right, and gives a line for each kind of
// object of which some are missing, with the rule that would grant them.
func missingRights(ctx context.Context, client kubernetes.Interface, all []clusters.Permission) []Problem {
	var problems []Problem
	lines, err := lacking(ctx, client, all, " in all namespaces")
	for _, line := range lines {
		problems = append(problems, fatal("%s, as examples/existing/rbac.yaml does", line))
	}
	if err != nil {
		problems = append(problems, fatal("%v", err))
	}
	return problems
}

// Lacks says, a line for each kind of object, which of these rights are missing. None is needed
// for a run.
func (c *Cluster) Lacks(ctx context.Context, all []clusters.Permission) ([]string, error) {
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return lacking(ctx, client, all, "")
}

// lacking has a line for each permission of which something is missing, with what cures it; those
// until the error.
func lacking(ctx context.Context, client kubernetes.Interface, all []clusters.Permission, where string) (lines []string, err error) {
	for _, p := range all {
		verbs, err := missing(ctx, client, p)
		if err != nil {
			return lines, err
		}
		if len(verbs) > 0 {
			lines = append(lines, fmt.Sprintf("no permission to %s %s%s%s: %s", strings.Join(verbs, ", "), plural(p), where, user(ctx, client), cure(p, verbs)))
		}
	}
	return lines, nil
}

// missing are the verbs that are not allowed.
func missing(ctx context.Context, client kubernetes.Interface, p clusters.Permission) (verbs []string, err error) {
	for _, verb := range p.Verbs {
		ok, err := allowed(ctx, client, p, verb.Name)
		if err != nil {
			return nil, fmt.Errorf("can't ask for permissions: create selfsubjectaccessreviews: %w", err)
		}
		if !ok {
			verbs = append(verbs, verb.Name)
		}
	}
	return verbs, nil
}

// cure is the rule of a ClusterRole that grants what is missing.
func cure(p clusters.Permission, verbs []string) string {
	return fmt.Sprintf("grant {apiGroups: [%q], resources: [%s], verbs: [%s]}",
		p.Group, p.Rule(), strings.Join(verbs, ", "))
}

// plural is how kubectl writes a kind of object.
func plural(p clusters.Permission) string {
	name := p.Resource
	if p.Group != "" {
		name += "." + p.Group
	}
	if p.Subresource != "" {
		name += "/" + p.Subresource
	}
	return name
}

// allowed asks for namespaces that do not exist yet, so for all of them.
func allowed(ctx context.Context, client kubernetes.Interface, p clusters.Permission, verb string) (bool, error) {
	review := &authzv1.SelfSubjectAccessReview{Spec: authzv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authzv1.ResourceAttributes{
			Verb: verb, Group: p.Group, Version: "v1", Resource: p.Resource, Subresource: p.Subresource,
		},
	}}
	got, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return got.Status.Allowed, nil
}

// narrow is the end of a line about somebody who may not list nodes: what else is missing, and what
// cures it.
func narrow(ctx context.Context, client kubernetes.Interface) string {
	namespaces := clusters.Permission{Resource: "namespaces"}
	if ok, err := allowed(ctx, client, namespaces, "create"); ok || err != nil {
		return ": bind the role of examples/existing/rbac.yaml"
	}
	return ", nor to create namespaces: rights in a namespace are not enough, as runs make their own: have an administrator apply examples/existing/rbac.yaml"
}

// user is whom the API server takes us for, as " for NAME"; "" when that can't be found out.
func user(ctx context.Context, client kubernetes.Interface) string {
	got, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authnv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil || got.Status.UserInfo.Username == "" {
		return ""
	}
	return " for " + got.Status.UserInfo.Username
}
