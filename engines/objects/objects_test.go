package objects_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines/objects"
)

func TestParse(t *testing.T) {
	text := "# a comment\nkind: ServiceAccount\nmetadata: {name: a, namespace: ns}\n---\nkind: DaemonSet\nmetadata:\n  name: b\n"
	all, err := objects.Parse("the manifests", text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range all {
		got = append(got, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
	}
	if diff := cmp.Diff([]string{"ServiceAccount ns/a", "DaemonSet /b"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"", "kind: A\n", "metadata: {name: a}\n", "a: b\n  c", text + "\n---\n"} {
		if _, err := objects.Parse("the manifests", bad); err == nil || !strings.Contains(err.Error(), "document") {
			t.Errorf("%q: error %v, want one that names the document", bad, err)
		}
	}
}

// server is an API server that begins to serve things, which have no namespace, when it was
// asked for its groups the second time, and keeps what is written.
type server struct {
	mu    sync.Mutex
	asked int
	did   []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	const group = `{"name": "a.b", "versions": [{"groupVersion": "a.b/v1", "version": "v1"}], "preferredVersion": {"groupVersion": "a.b/v1", "version": "v1"}}`
	switch r.URL.Path {
	case "/api":
		_, _ = io.WriteString(w, `{"kind": "APIVersions", "versions": []}`)
	case "/apis":
		s.asked++
		groups := ""
		if s.asked > 1 {
			groups = group
		}
		_, _ = io.WriteString(w, `{"kind": "APIGroupList", "apiVersion": "v1", "groups": [`+groups+`]}`)
	case "/apis/a.b/v1":
		_, _ = io.WriteString(w, `{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "a.b/v1", "resources": [{"name": "things", "kind": "Thing", "namespaced": false}]}`)
	default:
		s.did = append(s.did, r.Method+" "+r.URL.Path)
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}
}

// An object whose definition has just been written is written as soon as it can be; what was
// written is deleted in the opposite order.
func TestApplyWaitsForTheDefinition(t *testing.T) {
	s := &server{}
	web := httptest.NewServer(s)
	defer web.Close()
	applied, err := objects.Connect(&rest.Config{Host: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.Parse("things", "---\napiVersion: a.b/v1\nkind: Thing\nmetadata: {name: one}\n---\napiVersion: a.b/v1\nkind: Thing\nmetadata: {name: two}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if err := applied.Apply(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := applied.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"PATCH /apis/a.b/v1/things/one", "PATCH /apis/a.b/v1/things/two", "DELETE /apis/a.b/v1/things/two", "DELETE /apis/a.b/v1/things/one"}
	if diff := cmp.Diff(want, s.did); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is never served is given up when the caller does, with the reason.
func TestApplyGivesUp(t *testing.T) {
	web := httptest.NewServer(&server{asked: -1 << 30})
	defer web.Close()
	applied, err := objects.Connect(&rest.Config{Host: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.Parse("things", "apiVersion: a.b/v1\nkind: Thing\nmetadata: {name: one}\n")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := applied.Apply(ctx, all[0]); err == nil || !strings.Contains(err.Error(), "Thing one") || !strings.Contains(err.Error(), "no match") {
		t.Errorf("error %v, want one that names the object and what is missing", err)
	}
}
