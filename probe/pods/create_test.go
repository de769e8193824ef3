package pods

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// refusing is an API server that refuses so many pods, for a reason.
func refusing(times int, reason string) *fake.Clientset {
	c := fake.NewClientset()
	c.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		if times--; times < 0 {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(corev1.Resource("pods"), "p", errors.New(reason))
	})
	return c
}

const noAccount = `error looking up service account n/default: serviceaccount "default" not found`

func TestCreate(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"}}
	if got, err := Create(t.Context(), refusing(2, noAccount), pod, metav1.CreateOptions{}); err != nil || got.Name != "p" {
		t.Errorf("a namespace that gets its account late: %v, %v", got, err)
	}
	if _, err := Create(t.Context(), refusing(1, "violates PodSecurity"), pod, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("another refusal is final: %v", err)
	}
	c := refusing(1<<30, noAccount)
	ctx, cancel := context.WithCancel(t.Context())
	c.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		cancel()
		return false, nil, nil
	})
	if _, err := Create(ctx, c, pod, metav1.CreateOptions{}); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), noAccount) {
		t.Errorf("an account that never comes: %v, want the refusal too", err)
	}
}

func TestCreateNamespace(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	pull := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "pull"}}
	for _, want := range []*corev1.Secret{nil, pull} {
		c := fake.NewClientset()
		if err := CreateNamespace(t.Context(), c, ns, want); err != nil {
			t.Fatal(err)
		}
		secrets, err := c.CoreV1().Secrets("n").List(t.Context(), metav1.ListOptions{})
		if err != nil || (len(secrets.Items) == 1) != (want != nil) {
			t.Errorf("secrets %+v, %v; want %v", secrets.Items, err, want)
		}
		if err := CreateNamespace(t.Context(), c, ns, nil); !apierrors.IsAlreadyExists(err) {
			t.Errorf("the same again: %v", err)
		}
	}
}
