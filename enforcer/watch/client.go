package watch

import (
	"fmt"
	"net/http"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// A clientset would link, and register at its start, every type of every API group. These
// are all that an enforcer reads and writes.
const (
	protobuf     = runtime.ContentTypeProtobuf
	metadataOnly = protobuf + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + protobuf + ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," + protobuf
)

// The API server's rate limits are the ones that count; this only bounds a mistake here.
const (
	clientQPS   = 50
	clientBurst = 100
)

// newScheme knows pods as the compact type, and the other kinds as themselves.
func newScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	core := corev1.SchemeGroupVersion
	s.AddKnownTypeWithName(core.WithKind("Pod"), &pod{})
	s.AddKnownTypeWithName(core.WithKind("PodList"), &podList{})
	s.AddKnownTypes(core, &corev1.Node{}, &corev1.NodeList{}, &corev1.Event{})
	s.AddKnownTypes(netv1.SchemeGroupVersion, &netv1.NetworkPolicy{}, &netv1.NetworkPolicyList{})
	metav1.AddToGroupVersion(s, core)
	metav1.AddToGroupVersion(s, netv1.SchemeGroupVersion)
	if err := metav1.AddMetaToScheme(s); err != nil {
		return nil, fmt.Errorf("register metadata types: %w", err)
	}
	return s, nil
}

// Clients reach the API groups that an enforcer uses.
type Clients struct {
	Core       rest.Interface // pods, nodes, events
	Metadata   rest.Interface // core, answers reduced to metadata
	Networking rest.Interface // policies
	params     runtime.ParameterCodec
	requests   *atomic.Uint64
}

// Requests is how many requests were sent so far, those of watches and failed ones included.
func (c *Clients) Requests() uint64 { return c.requests.Load() }

// counted is a transport that counts.
type counted struct {
	http.RoundTripper
	n *atomic.Uint64
}

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// NewClients connects to nothing yet; it fails on a configuration that can't work. Nothing
// comes compressed: under churn, inflating the events of a watch, some hundred bytes each,
// takes more time than all else that is done about them.
func NewClients(cfg *rest.Config) (*Clients, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme)
	c := &Clients{params: runtime.NewParameterCodec(scheme), requests: &atomic.Uint64{}}
	for _, g := range []struct {
		into   *rest.Interface
		gv     schema.GroupVersion
		path   string
		accept string
	}{
		{&c.Core, corev1.SchemeGroupVersion, "/api", protobuf},
		{&c.Metadata, corev1.SchemeGroupVersion, "/api", metadataOnly},
		{&c.Networking, netv1.SchemeGroupVersion, "/apis", protobuf},
	} {
		conf := rest.CopyConfig(cfg)
		conf.GroupVersion, conf.APIPath = &g.gv, g.path
		conf.NegotiatedSerializer = codecs.WithoutConversion()
		conf.ContentType, conf.AcceptContentTypes = protobuf, g.accept
		conf.QPS, conf.Burst = clientQPS, clientBurst
		conf.DisableCompression = true
		conf.Wrap(func(rt http.RoundTripper) http.RoundTripper { return counted{rt, c.requests} })
		client, err := rest.RESTClientFor(conf)
		if err != nil {
			return nil, fmt.Errorf("configure client of %s: %w", g.gv, err)
		}
		*g.into = client
	}
	return c, nil
}
