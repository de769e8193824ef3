package existing

import (
	"errors"
	"strings"
	"testing"

	authzv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttest "k8s.io/client-go/testing"
)

// Whoever has rights in namespaces alone is told so, and not one right after the other.
func TestNarrow(t *testing.T) {
	for _, tc := range []struct {
		allowed bool
		want    string
	}{
		{true, ": bind the role of examples/existing/rbac.yaml"},
		{false, ", nor to create namespaces: rights in a namespace are not enough, as runs make their own: have an administrator apply examples/existing/rbac.yaml"},
	} {
		client := fake.NewClientset()
		client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttest.Action) (bool, runtime.Object, error) {
			review := a.(clienttest.CreateAction).GetObject().(*authzv1.SelfSubjectAccessReview)
			if asked := review.Spec.ResourceAttributes; asked.Verb != "create" || asked.Resource != "namespaces" {
				t.Errorf("asked for %+v", asked)
			}
			review.Status.Allowed = tc.allowed
			return true, review, nil
		})
		if got := narrow(t.Context(), client); got != tc.want {
			t.Errorf("allowed %v: %q, want %q", tc.allowed, got, tc.want)
		}
	}
}

// A namespace that admission refuses is one line, which says whose it is and what cures it.
func TestUnmade(t *testing.T) {
	denied := apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "netassay-1-preflight-x",
		errors.New("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: namespaces here are restricted"))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "netassay-1-preflight-"}}
	for _, tc := range []struct {
		name string
		host bool
		err  error
		want string
	}{
		{
			"control probers", true, denied,
			"PodSecurity is restricted for control probers (pods with hostNetwork), without which no deny is proven: no namespace may be privileged: namespaces here are restricted: exempt namespaces netassay-*",
		},
		{"test pods", false, denied, "admission refuses namespaces of test pods: namespaces here are restricted: exempt namespaces netassay-*, or run with --restricted"},
		{"no answer", false, errors.New("connection refused"), "can't create namespaces like netassay-1-preflight-*: connection refused"},
	} {
		got := unmade(namespace, &corev1.Pod{Spec: corev1.PodSpec{HostNetwork: tc.host}}, tc.err)
		if got.Line != tc.want || !got.Fatal || strings.Contains(got.Line, "\n") {
			t.Errorf("%s: %q, want %q", tc.name, got.Line, tc.want)
		}
	}
}
