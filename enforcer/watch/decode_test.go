package watch

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/model"
)

// randomPod fills the fields that count from small vocabularies, and some that don't.
func randomPod(r *rand.Rand) *corev1.Pod {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	p := &corev1.Pod{}
	p.Name, p.Namespace, p.UID = pick("", "a", "b-7f"), pick("x", "y"), types.UID(pick("1", "2"))
	p.ResourceVersion, p.Generation = pick("", "12345"), int64(r.IntN(3))
	p.CreationTimestamp = metav1.Unix(int64(r.IntN(1e9)), 0)
	for range r.IntN(4) {
		if p.Labels == nil {
			p.Labels = map[string]string{}
		}
		p.Labels[pick("app", "role", "é")] = pick("", "v", "w")
	}
	for range r.IntN(3) {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, pick("note", metav1.InitialEventsAnnotationKey), pick("true", "false"))
	}
	p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "m", Operation: metav1.ManagedFieldsOperationApply}}
	p.Spec.NodeName, p.Spec.HostNetwork = pick("", "n1"), r.IntN(2) == 0
	for range r.IntN(3) {
		p.Spec.Containers = append(p.Spec.Containers, randomContainer(r))
	}
	for range r.IntN(3) {
		c := randomContainer(r)
		if r.IntN(2) == 0 {
			policy := corev1.ContainerRestartPolicy(pick("Always", "Never"))
			c.RestartPolicy = &policy
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
	p.Status.Phase = corev1.PodPhase(pick("", "Pending", "Running", "Succeeded", "Failed"))
	p.Status.PodIP = pick("", "10.0.0.1")
	for range r.IntN(3) {
		p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: pick("10.0.0.1", "fd00::1", "::ffff:10.0.0.9", "", "nonsense")})
	}
	return p
}

func randomContainer(r *rand.Rand) corev1.Container {
	c := corev1.Container{Name: "c", Image: "i", Args: []string{"x"}}
	for range r.IntN(3) {
		c.Ports = append(c.Ports, corev1.ContainerPort{
			Name:          []string{"", "http"}[r.IntN(2)],
			HostPort:      int32(r.IntN(2)),
			ContainerPort: []int32{-1, 0, 1, 80, 65535, 65536, 1 << 30}[r.IntN(7)],
			Protocol:      []corev1.Protocol{"", "TCP", "UDP", "SCTP"}[r.IntN(4)],
		})
	}
	return c
}

// TestDecodeAgreesWithTheWholePod holds the decoder against the API's own types.
func TestDecodeAgreesWithTheWholePod(t *testing.T) {
	equal := cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}
	terminal := 0
	for seed := range uint64(5000) {
		whole := randomPod(rand.New(rand.NewPCG(seed, 7)))
		wire, err := whole.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var got pod
		if err := got.Unmarshal(wire); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want, ok := model.PodFromAPI(whole)
		if ok == got.terminal {
			t.Fatalf("seed %d: terminal = %v, want %v", seed, got.terminal, !ok)
		}
		if !ok {
			terminal++
			continue
		}
		if diff := cmp.Diff(want, got.record, equal); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
		if got.version != whole.ResourceVersion || got.initialEnd != (whole.Annotations[metav1.InitialEventsAnnotationKey] == "true") {
			t.Fatalf("seed %d: version %q, end of list %v", seed, got.version, got.initialEnd)
		}
	}
	if terminal == 0 {
		t.Error("no terminal pod was drawn")
	}
}

func TestDecodeList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "77", Continue: "more"}}
	for range 10 {
		p := randomPod(r)
		p.Status.Phase = corev1.PodRunning
		list.Items = append(list.Items, *p)
	}
	wire, err := list.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var got podList
	if err := got.Unmarshal(wire); err != nil {
		t.Fatal(err)
	}
	if got.ResourceVersion != "77" || got.Continue != "more" || len(got.Items) != 10 {
		t.Errorf("list is %q %q with %d items", got.ResourceVersion, got.Continue, len(got.Items))
	}
	for i := range list.Items {
		want, _ := model.PodFromAPI(&list.Items[i])
		if diff := cmp.Diff(want, got.Items[i].record, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("item %d (-want +got):\n%s", i, diff)
		}
	}
}

// FuzzDecode: whatever comes over the wire is a pod or an error, and any pod that an API
// server can send is decoded with the same meaning. (The API's own decoder also takes some
// messages whose lengths contradict each other, which nobody encodes; here they are errors.)
func FuzzDecode(f *testing.F) {
	for seed := range uint64(10) {
		wire, err := randomPod(rand.New(rand.NewPCG(seed, 7))).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		_ = new(pod).Unmarshal(wire)
		var whole corev1.Pod
		if whole.Unmarshal(wire) != nil {
			return
		}
		sent, err := whole.Marshal()
		if err != nil {
			t.Skip("can't be encoded")
		}
		var got pod
		if err := got.Unmarshal(sent); err != nil {
			t.Fatalf("refused what an API server sends: %v", err)
		}
		want, ok := model.PodFromAPI(&whole)
		if ok == got.terminal {
			t.Fatalf("terminal = %v, want %v", got.terminal, !ok)
		}
		if diff := cmp.Diff(want, got.record, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); ok && diff != "" {
			t.Errorf("pod (-want +got):\n%s", diff)
		}
	})
}
