package existing

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
)

func namespaceOf(name, run string, made time.Time) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u", CreationTimestamp: metav1.NewTime(made)}}
	if run != "" {
		n.Labels = map[string]string{"l/run": run}
	}
	return n
}

// Runs are found by their label, and what is not theirs stays.
func TestLeft(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	going := namespaceOf("going", "old", now)
	going.DeletionTimestamp, going.Finalizers = &metav1.Time{Time: now}, []string{"f"}
	client := fake.NewClientset(namespaceOf("b", "new", now), namespaceOf("a2", "old", now.Add(-time.Hour)),
		namespaceOf("a1", "old", now.Add(-2*time.Hour)), namespaceOf("theirs", "", now), going)
	got, err := left(t.Context(), client, "l/run")
	if err != nil || len(got) != 2 || got[0].Run != "old" || len(got[0].Namespaces) != 2 || !got[0].Newest.Equal(now.Add(-time.Hour)) || got[1].Run != "new" {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := clusters.DeleteNamespaces(t.Context(), client, got[0].Namespaces); err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	if diff := cmp.Diff([]string{"b", "going", "theirs"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Policies for the whole cluster are told of; kinds that the cluster lacks, or hides, are not.
func TestOverruled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/v1alpha1/adminnetworkpolicies"):
			_, _ = w.Write([]byte(`{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}},{"metadata":{"name":"c"}},{"metadata":{"name":"d"}}]}`))
		case strings.Contains(r.URL.Path, "cilium"):
			_, _ = w.Write([]byte(`{"items":[]}`))
		case strings.Contains(r.URL.Path, "projectcalico"):
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	got := overruled(t.Context(), client.Discovery().RESTClient())
	if len(got) != 1 || got[0].Fatal || !strings.HasPrefix(got[0].Line, "AdminNetworkPolicy a, b, c, 1 more: where it selects namespaces netassay-*") {
		t.Errorf("%q", got)
	}
}

func TestBesieged(t *testing.T) {
	client := fake.NewClientset(&netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "sonobuoy", Name: "deny"}})
	if got := besieged(t.Context(), client, "other"); got != nil {
		t.Errorf("in a namespace without policies: %q", got)
	}
	got := besieged(t.Context(), client, "sonobuoy")
	if len(got) != 1 || got[0].Fatal || !strings.HasPrefix(got[0].Line, "namespace sonobuoy, where this runs, has the NetworkPolicy deny: ") {
		t.Errorf("%q", got)
	}
}
