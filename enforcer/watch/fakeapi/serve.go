package fakeapi

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/watch"
)

// codec writes objects as an API server does that is asked for protobuf.
type codec struct {
	scheme *runtime.Scheme
	proto  *protobuf.Serializer
}

func newCodec(t testing.TB) codec {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, netv1.AddToScheme, metav1.AddMetaToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	metav1.AddToGroupVersion(s, corev1.SchemeGroupVersion)
	return codec{scheme: s, proto: protobuf.NewSerializer(s, s)}
}

// encode writes the envelope with the kind, which objects in memory don't carry.
func (c codec) encode(obj runtime.Object) []byte {
	obj = obj.DeepCopyObject()
	kinds, _, err := c.scheme.ObjectKinds(obj)
	if err != nil {
		panic(err)
	}
	obj.GetObjectKind().SetGroupVersionKind(kinds[0])
	var b strings.Builder
	if err := c.proto.Encode(obj, &b); err != nil {
		panic(err)
	}
	return []byte(b.String())
}

// request is a list or a watch.
type request struct {
	kind     *kind
	selector fields.Selector
	reduce   bool // to metadata
	watch    bool
	stream   bool // a watch that begins with what is there
	since    int  // the version that any other watch goes on from
}

// parse reads a request; ok is false for one that no client here may make.
func (s *Server) parse(r *http.Request) (req request, ok bool) {
	q := r.URL.Query()
	req = request{
		reduce: strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata"),
		watch:  q.Get("watch") == "true",
		stream: q.Get("sendInitialEvents") == "true",
	}
	var err error
	req.kind = s.kinds[r.PathValue("resource")]
	if req.selector, err = fields.ParseSelector(q.Get("fieldSelector")); err != nil || req.kind == nil {
		return req, false
	}
	if !req.watch || req.stream {
		return req, true
	}
	req.since, err = strconv.Atoi(q.Get("resourceVersion"))
	return req, err == nil && req.since > 0
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	req, ok := s.parse(r)
	if !ok {
		s.fail(w, apierrors.NewBadRequest(refusal))
		return
	}
	var held chan struct{}
	var down, refuse bool
	s.locked(func() {
		req.kind.requests++
		held, down, refuse = req.kind.held, s.down, s.noStreaming && req.stream
	})
	select {
	case <-held:
	case <-r.Context().Done():
		return
	}
	switch {
	case down:
		s.fail(w, apierrors.NewServiceUnavailable(refusal))
	case refuse:
		s.fail(w, apierrors.NewInvalid(schema.GroupKind{}, "", nil))
	case req.watch:
		s.watch(w, r, req)
	default:
		s.list(w, req)
	}
}

const refusal = "the fake API server says no"

func (s *Server) fail(w http.ResponseWriter, err *apierrors.StatusError) {
	s.answer(w, int(err.ErrStatus.Code), &err.ErrStatus)
}

func (s *Server) answer(w http.ResponseWriter, code int, obj runtime.Object) {
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
	w.WriteHeader(code)
	_, _ = w.Write(s.codec.encode(obj)) // the client may be gone
}

// selected are the objects of a request, and the version at which they are current.
func (s *Server) selected(req request) ([]runtime.Object, string) {
	var objs []runtime.Object
	for _, obj := range req.kind.objects {
		if req.selector.Matches(selectable(obj)) {
			objs = append(objs, obj)
		}
	}
	return objs, strconv.Itoa(s.rv)
}

func (s *Server) list(w http.ResponseWriter, req request) {
	s.mu.Lock()
	objs, rv := s.selected(req)
	s.mu.Unlock()
	list := req.kind.list.DeepCopyObject()
	if req.reduce {
		list = &metav1.PartialObjectMetadataList{}
		for i := range objs {
			objs[i] = meta.AsPartialObjectMetadata(accessor(objs[i]))
		}
	}
	l, err := meta.ListAccessor(list)
	if err := errors.Join(err, meta.SetList(list, objs)); err != nil {
		panic(err) // each is a list of such objects
	}
	l.SetResourceVersion(rv)
	s.answer(w, http.StatusOK, list)
}

// queue is how many events a watcher may be behind. Tests make fewer.
const queue = 10_000

// subscribe is a new watch: what it begins with, and who is told of what follows. It is
// nobody when the version to go on from has been forgotten.
func (s *Server) subscribe(req request) (begin []watch.Event, w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !req.stream && req.since < req.kind.forgotten {
		return []watch.Event{{Type: watch.Error, Object: &apierrors.NewResourceExpired(refusal).ErrStatus}}, nil
	}
	w = &watcher{selector: req.selector, events: make(chan watch.Event, queue)}
	req.kind.watchers[w] = struct{}{}
	if !req.stream {
		for _, c := range req.kind.past {
			if c.version > req.since {
				w.tell(c.old, c.now)
			}
		}
		return nil, w
	}
	objs, rv := s.selected(req)
	for _, obj := range objs {
		begin = append(begin, watch.Event{Type: watch.Added, Object: obj})
	}
	return append(begin, watch.Event{Type: watch.Bookmark, Object: bookmark(req.kind, rv)}), w
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request, req request) {
	begin, watcher := s.subscribe(req)
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf+";stream=watch")
	w.WriteHeader(http.StatusOK)
	for _, e := range begin {
		s.send(w, req, e)
	}
	w.(http.Flusher).Flush()
	if watcher == nil {
		return
	}
	defer s.locked(func() { delete(req.kind.watchers, watcher) })
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-watcher.events:
			s.send(w, req, e)
			w.(http.Flusher).Flush()
		}
	}
}

// bookmark is the event that ends a streamed list.
func bookmark(k *kind, rv string) runtime.Object {
	obj := k.empty.DeepCopyObject()
	accessor(obj).SetResourceVersion(rv)
	accessor(obj).SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	return obj
}

// send writes one event as a frame: its length in four bytes, then the message.
func (s *Server) send(w io.Writer, req request, e watch.Event) {
	obj := e.Object
	if req.reduce && e.Type != watch.Error {
		obj = meta.AsPartialObjectMetadata(accessor(obj))
	}
	event := &metav1.WatchEvent{Type: string(e.Type), Object: runtime.RawExtension{Raw: s.codec.encode(obj)}}
	frame, err := event.Marshal()
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame)) // the client may be gone
}

func (s *Server) postEvent(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	obj, _, err := s.codec.proto.Decode(body, nil, nil)
	event, ok := obj.(*corev1.Event)
	if err != nil || !ok {
		s.fail(w, apierrors.NewBadRequest(refusal))
		return
	}
	s.locked(func() { s.events = append(s.events, event) })
	s.answer(w, http.StatusCreated, event)
}
