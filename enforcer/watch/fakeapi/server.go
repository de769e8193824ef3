package fakeapi

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// Server is a fake API server.
type Server struct {
	http   *httptest.Server
	codec  codec
	mu     sync.Mutex
	rv     int
	kinds  map[string]*kind
	events []*corev1.Event

	noStreaming bool
	down        bool
}

// kind is the objects of one resource, how they came about, and who watches them.
type kind struct {
	empty     runtime.Object
	list      runtime.Object            // empty too
	objects   map[string]runtime.Object // by namespace/name
	past      []change                  // since the version forgotten, in order
	forgotten int
	watchers  map[*watcher]struct{}
	held      chan struct{} // closed when requests may go on
	requests  int
}

// change is what happened to one object at a version: it came (no old), went (no now), or
// became another.
type change struct {
	version  int
	old, now runtime.Object
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{codec: newCodec(t), rv: 1, kinds: map[string]*kind{}}
	open := make(chan struct{})
	close(open)
	for resource, k := range map[string]kind{
		"pods":            {empty: &corev1.Pod{}, list: &corev1.PodList{}},
		"namespaces":      {empty: &corev1.Namespace{}, list: &corev1.NamespaceList{}},
		"nodes":           {empty: &corev1.Node{}, list: &corev1.NodeList{}},
		"networkpolicies": {empty: &netv1.NetworkPolicy{}, list: &netv1.NetworkPolicyList{}},
	} {
		k.objects, k.watchers, k.held = map[string]runtime.Object{}, map[*watcher]struct{}{}, open
		s.kinds[resource] = &k
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/{resource}", s.get)
	mux.HandleFunc("GET /apis/networking.k8s.io/v1/{resource}", s.get)
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/events", s.postEvent)
	s.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// REST is how clients reach the server.
func (s *Server) REST() *rest.Config { return &rest.Config{Host: s.http.URL} }

// WithoutStreaming makes the server one that knows no streamed lists.
func (s *Server) WithoutStreaming() { s.locked(func() { s.noStreaming = true }) }

// Hold makes requests for a resource wait until the returned function is called.
func (s *Server) Hold(resource string) (release func()) {
	held := make(chan struct{})
	s.locked(func() { s.kinds[resource].held = held })
	return sync.OnceFunc(func() { close(held) })
}

// Down cuts all connections and refuses requests, or ends that.
func (s *Server) Down(down bool) {
	s.locked(func() { s.down = down })
	if down {
		s.Cut()
	}
}

// Cut cuts all connections. Clients can come back at once, and go on where they were.
func (s *Server) Cut() { s.http.CloseClientConnections() }

// Forget makes the server forget what has happened so far: who wants to go on from before
// is told that it has expired.
func (s *Server) Forget() {
	s.locked(func() {
		for _, k := range s.kinds {
			k.past, k.forgotten = nil, s.rv
		}
	})
}

// Requests is how often a resource has been listed or watched.
func (s *Server) Requests(resource string) (n int) {
	s.locked(func() { n = s.kinds[resource].requests })
	return n
}

// Events are those that clients have posted.
func (s *Server) Events() (events []*corev1.Event) {
	s.locked(func() { events = slices.Clone(s.events) })
	return events
}

func (s *Server) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Set creates or updates an object.
func (s *Server) Set(obj runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	obj = obj.DeepCopyObject()
	k, key := s.kindOf(obj), keyOf(obj)
	s.stamp(obj)
	old := k.objects[key]
	k.objects[key] = obj
	s.happened(k, old, obj)
}

// Delete deletes an object.
func (s *Server) Delete(obj runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, key := s.kindOf(obj), keyOf(obj)
	old := k.objects[key].DeepCopyObject()
	delete(k.objects, key)
	s.stamp(old)
	s.happened(k, old, nil)
}

func (s *Server) happened(k *kind, old, now runtime.Object) {
	k.past = append(k.past, change{s.rv, old, now})
	for w := range k.watchers {
		w.tell(old, now)
	}
}

// stamp gives an object the next resource version.
func (s *Server) stamp(obj runtime.Object) {
	s.rv++
	accessor(obj).SetResourceVersion(strconv.Itoa(s.rv))
}

func accessor(obj runtime.Object) metav1.Object {
	a, err := meta.Accessor(obj)
	if err != nil {
		panic(err) // every API object has metadata
	}
	return a
}

func keyOf(obj runtime.Object) string {
	a := accessor(obj)
	return a.GetNamespace() + "/" + a.GetName()
}

func (s *Server) kindOf(obj runtime.Object) *kind {
	for _, k := range s.kinds {
		if reflect.TypeOf(k.empty) == reflect.TypeOf(obj) {
			return k
		}
	}
	return nil
}

// selectable are the fields that selectors can name.
func selectable(obj runtime.Object) fields.Set {
	set := fields.Set{"metadata.name": accessor(obj).GetName()}
	if p, ok := obj.(*corev1.Pod); ok {
		set["status.phase"] = string(p.Status.Phase)
		set["spec.hostNetwork"] = strconv.FormatBool(p.Spec.HostNetwork)
	}
	return set
}

// watcher is one open watch.
type watcher struct {
	selector fields.Selector
	events   chan watch.Event
}

// tell sends what a change is for this watcher: leaving its selection is a deletion.
func (w *watcher) tell(old, now runtime.Object) {
	was := old != nil && w.selector.Matches(selectable(old))
	is := now != nil && w.selector.Matches(selectable(now))
	switch {
	case was && is:
		w.events <- watch.Event{Type: watch.Modified, Object: now}
	case is:
		w.events <- watch.Event{Type: watch.Added, Object: now}
	case was:
		last := old
		if now != nil {
			last = now
		}
		w.events <- watch.Event{Type: watch.Deleted, Object: last}
	}
}
