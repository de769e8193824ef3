//go:build mutants

package mutants

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/watch"
)

// transport is a node's way to the API server. What a watch says passes through the fault.
type transport struct {
	http.RoundTripper
	node *node
}

// kinds are by the last element of a request's path.
var kinds = map[string]watch.Kind{"pods": watch.Pods, "namespaces": watch.Namespaces, "networkpolicies": watch.Policies}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, ok := kinds[path.Base(r.URL.Path)]
	if !ok || r.Method != http.MethodGet {
		return t.RoundTripper.RoundTrip(r)
	}
	query := r.URL.Query()
	if query.Get("watch") == "" {
		return nil, errors.New("a mutant's enforcer lists by watches only")
	}
	if kind == watch.Pods && t.node.widely {
		terms := strings.Split(query.Get("fieldSelector"), ",")
		terms = slices.DeleteFunc(terms, func(term string) bool { return strings.HasPrefix(term, "spec.hostNetwork") })
		query.Set("fieldSelector", strings.Join(terms, ","))
		r = r.Clone(r.Context())
		r.URL.RawQuery = query.Encode()
	}
	resp, err := t.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK {
		out, in := io.Pipe()
		s := &stream{kind: kind, node: t.node, in: resp.Body, out: in, initial: query.Get("sendInitialEvents") == "true"}
		s.again = s.initial && t.node.lists(kind) > 1
		go s.pass()
		resp.Body = passing{out, resp.Body}
	}
	return resp, err
}

// passing is what the agent reads of a watch.
type passing struct {
	*io.PipeReader
	from io.Closer
}

// Close implements io.Closer.
func (p passing) Close() error { return errors.Join(p.PipeReader.Close(), p.from.Close()) }

// stream is one watch: frames, each a length and an event.
type stream struct {
	kind    watch.Kind
	node    *node
	in      io.Reader
	initial bool // the list is not over yet
	again   bool // it is not the first

	mu  sync.Mutex
	out *io.PipeWriter
}

func (s *stream) pass() {
	for {
		frame, err := readFrame(s.in)
		if err == nil {
			err = s.frame(frame)
		}
		if err != nil {
			s.out.CloseWithError(err)
			return
		}
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// frame passes one frame on, as what the fault makes of it.
func (s *stream) frame(frame []byte) error {
	var said metav1.WatchEvent
	if err := said.Unmarshal(frame); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	t := apiwatch.EventType(said.Type)
	if t != apiwatch.Added && t != apiwatch.Modified && t != apiwatch.Deleted {
		s.initial = false // a bookmark ends the first list
		return s.write(frame)
	}
	o, meta, err := decode(s.kind, said.Object.Raw)
	if err != nil {
		return err
	}
	for _, e := range s.node.told(event{kind: s.kind, of: t, object: o, initial: s.initial, again: s.initial && s.again}) {
		frame, err := encode(e, meta)
		if err != nil {
			return err
		}
		if e.after > 0 {
			time.AfterFunc(e.after, func() { _ = s.write(frame) }) // the watch may have ended
		} else if err := s.write(frame); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) write(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.out.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
	return err
}

// object is of one of the kinds.
type object interface {
	metav1.Object
	Unmarshal([]byte) error
	Marshal() ([]byte, error)
	DeepCopyObject() runtime.Object
}

func newObject(k watch.Kind) object {
	switch k {
	case watch.Pods:
		return &corev1.Pod{}
	case watch.Policies:
		return &netv1.NetworkPolicy{}
	default:
		return &metav1.PartialObjectMetadata{}
	}
}

func copyOf[T object](o T) T { return o.DeepCopyObject().(T) }

// magic is before each object.
var magic = []byte("k8s\x00")

func decode(k watch.Kind, data []byte) (object, runtime.TypeMeta, error) {
	var u runtime.Unknown
	body, ok := bytes.CutPrefix(data, magic)
	if !ok {
		return nil, u.TypeMeta, errors.New("read event: its object is no protobuf")
	}
	if err := u.Unmarshal(body); err != nil {
		return nil, u.TypeMeta, fmt.Errorf("read event: %w", err)
	}
	o := newObject(k)
	if err := o.Unmarshal(u.Raw); err != nil {
		return nil, u.TypeMeta, fmt.Errorf("read object: %w", err)
	}
	return o, u.TypeMeta, nil
}

func encode(e event, meta runtime.TypeMeta) ([]byte, error) {
	data, err := e.object.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write object: %w", err)
	}
	body, err := (&runtime.Unknown{TypeMeta: meta, Raw: data}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("write object: %w", err)
	}
	said := metav1.WatchEvent{Type: string(e.of), Object: runtime.RawExtension{Raw: append(bytes.Clone(magic), body...)}}
	return said.Marshal()
}
