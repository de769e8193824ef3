package verify

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	ktesting "k8s.io/client-go/testing"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/podspec"
	v1 "github.com/netassay/netassay/reports/v1"
)

// fakeCluster enforces the one policy of the walkthrough, or not, by looking at the
// objects in its API; exec errors are injected by execErr.
type fakeCluster struct {
	api      kubernetes.Interface
	enforce  bool
	denyWith string
	execErr  error
}

func (f *fakeCluster) Name() string             { return "fake" }
func (f *fakeCluster) REST() *rest.Config       { return nil }
func (f *fakeCluster) Families() []model.Family { return []model.Family{model.IPv4} }
func (f *fakeCluster) Nodes() []string          { return []string{"node1", "node2"} }
func (f *fakeCluster) Image(name string) string { return name }

func (f *fakeCluster) Exec(ctx context.Context, ns, pod, _ string, _ []string, s clusters.Streams) error {
	if f.execErr != nil {
		return f.execErr
	}
	_, err := f.api.NetworkingV1().NetworkPolicies(ns).Get(ctx, PolicyName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || !f.enforce {
		return nil
	}
	p, err := f.api.CoreV1().Pods(ns).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if p.Labels["app"] == "client" {
		return nil
	}
	say(s, f.denyWith)
	return &clusters.ExitError{Code: 1}
}

// say writes a line as client-go does: each stream is copied by itself, and standard output,
// which was begun first, may end last.
func say(s clusters.Streams, line string) {
	out := silent{make(chan struct{}), make(chan struct{})}
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(s.Out, out)
		close(copied)
	}()
	<-out.begun
	_, _ = io.Copy(s.Err, strings.NewReader(line+"\n"))
	close(out.end)
	<-copied
}

// silent is a stream that ends without a word.
type silent struct{ begun, end chan struct{} }

func (s silent) Read([]byte) (int, error) {
	close(s.begun)
	<-s.end
	return 0, io.EOF
}

// readyAPI is a fake API server whose pods are ready the moment they are created.
func readyAPI(objects ...runtime.Object) kubernetes.Interface {
	api := fake.NewClientset(objects...)
	api.PrependReactor("create", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
		pod := a.(ktesting.CreateAction).GetObject().(*corev1.Pod)
		pod.Status.PodIPs = []corev1.PodIP{{IP: "10.244.1.2"}}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		return false, nil, nil
	})
	return api
}

func TestRun(t *testing.T) {
	existing := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	lost := errors.New("stream lost")
	for _, tc := range []struct {
		name     string
		cluster  fakeCluster
		objects  []runtime.Object
		wantPass bool
		wantErr  error
		wantOK   []bool // of the three connect steps that were reported
	}{
		{"an engine that enforces passes", fakeCluster{enforce: true, denyWith: "TIMEOUT"}, nil, true, nil, []bool{true, true, true}},
		{"no engine fails at the deny", fakeCluster{}, nil, false, nil, []bool{true, false, true}},
		{"a refusal is not a time-out", fakeCluster{enforce: true, denyWith: "REFUSED"}, nil, false, nil, []bool{true, false, true}},
		{"a lost exec is no verdict", fakeCluster{enforce: true, execErr: lost}, nil, true, lost, nil},
		{"a namespace of somebody else is left alone", fakeCluster{enforce: true}, []runtime.Object{existing}, false, ErrNamespaceExists, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.cluster
			c.api = readyAPI(tc.objects...)
			var gotOK []bool
			w := &walk{cluster: &c, api: c.api, pass: true, opts: Options{
				Deadline: 50 * time.Millisecond, Confirmations: 2,
				Report: func(s v1.CheckStep) {
					if s.Command != "" {
						gotOK = append(gotOK, s.OK)
					}
				},
			}}
			pass, err := run(t.Context(), w)
			if !errors.Is(err, tc.wantErr) {
				t.Fatalf("error %v, want %v", err, tc.wantErr)
			}
			if err == nil && pass != tc.wantPass {
				t.Errorf("pass = %v, want %v", pass, tc.wantPass)
			}
			if diff := cmp.Diff(tc.wantOK, gotOK); diff != "" {
				t.Errorf("connect steps (-want +got):\n%s", diff)
			}
			_, err = c.api.CoreV1().Namespaces().Get(t.Context(), Namespace, metav1.GetOptions{})
			if gone := apierrors.IsNotFound(err); gone == (tc.objects != nil) {
				t.Errorf("namespace gone = %v, ours = %v", gone, tc.objects == nil)
			}
		})
	}
}

// On Windows nodes the same two pods say for whom they are.
func TestPodsForWindows(t *testing.T) {
	api := readyAPI()
	c := fakeCluster{api: api, enforce: true, denyWith: "TIMEOUT"}
	seen := map[string]corev1.PodSpec{}
	api.(*fake.Clientset).PrependReactor("create", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
		pod := a.(ktesting.CreateAction).GetObject().(*corev1.Pod)
		seen[pod.Name] = pod.Spec
		return false, nil, nil
	})
	w := &walk{cluster: &c, api: api, pass: true, opts: Options{
		Deadline: 5 * time.Second, Confirmations: 1, NodeOS: podspec.Windows, Report: func(v1.CheckStep) {},
	}}
	if pass, err := run(t.Context(), w); err != nil || !pass {
		t.Fatalf("pass %v: %v", pass, err)
	}
	for _, name := range []string{serverPod, clientPod} {
		spec := seen[name]
		if spec.OS == nil || spec.OS.Name != corev1.Windows || spec.NodeSelector[corev1.LabelOSStable] != podspec.Windows || len(spec.Tolerations) != 1 {
			t.Errorf("pod %s: %+v", name, spec)
		}
	}
}
