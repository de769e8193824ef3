package load

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/scale/profile"
)

// Objects are all that a load consists of.
type Objects struct {
	Profile    profile.Profile
	Namespaces []corev1.Namespace
	Nodes      []corev1.Node // hollow
	Pods       []Pod         // hollow, on Nodes
	// Local are the real pods of a full node. They have no node and no address: the
	// cluster gives both.
	Local    []Pod
	Policies []netv1.NetworkPolicy
	// Networks is how many of the networks that ipBlocks are drawn from are in use;
	// churn draws later ones.
	Networks Networks
}

// The vocabulary of labels, as a cluster of Deployments has them.
const (
	apps  = 10 // in each namespace
	teams = 8  // that namespaces belong to
)

// The streams of randomness: what is drawn for one does not move the others.
const (
	streamKinds = iota
	streamPolicies
	streamBlocks
	streamChurn
	streamOrder
)

func random(seed uint64, stream, i int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(stream)<<32|uint64(i)))
}

// Generate draws the objects of a profile, which must pass its Check.
func Generate(p profile.Profile) Objects {
	o := Objects{Profile: p}
	for i := range p.Namespaces {
		o.Namespaces = append(o.Namespaces, namespace(i))
	}
	for i := range p.Nodes {
		o.Nodes = append(o.Nodes, node(i, p.Families))
	}
	for i := range p.Pods {
		o.Pods = append(o.Pods, hollowPod(p, i))
	}
	for i := range p.Local {
		o.Local = append(o.Local, localPod(p, i))
	}
	w, r := newWriter(p), random(p.Seed, streamKinds, 0)
	kinds := shares(r, p.Policies, p.Peers.Pod, p.Peers.NS, p.Peers.IP)
	types := shares(r, p.Policies, p.Types.In, p.Types.Out, p.Types.Both)
	for i := range p.Policies {
		o.Policies = append(o.Policies, w.policy(i, kinds[i], types[i]))
	}
	o.Networks = w.pool.used
	return o
}

// NamespaceName is the name of namespace i.
func NamespaceName(i int) string { return fmt.Sprintf("load-%03d", i) }

// Rename puts prefix before the names of all namespaces of the load.
func (o *Objects) Rename(prefix string) {
	for i := range o.Namespaces {
		o.Namespaces[i].Name = prefix + o.Namespaces[i].Name
	}
	for _, pods := range [][]Pod{o.Pods, o.Local} {
		for i := range pods {
			pods[i].Namespace = prefix + pods[i].Namespace
		}
	}
	for i := range o.Policies {
		o.Policies[i].Namespace = prefix + o.Policies[i].Namespace
	}
}

// Hollow marks nodes and pods that have no machine behind them.
const Hollow = "netassay.io/hollow"

func namespace(i int) corev1.Namespace {
	env := "dev"
	if i%4 == 0 {
		env = "prod"
	}
	return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: NamespaceName(i), Labels: map[string]string{
		"team": fmt.Sprintf("team-%d", i%teams), "env": env,
	}}}
}

// shares deals n things by weights: exact shares (largest remainder), in seeded order.
func shares(r *rand.Rand, n int, weights ...int) []int {
	total := 0
	for _, w := range weights {
		total += w
	}
	out := make([]int, 0, n)
	type rest struct{ kind, rest int }
	var rests []*rest
	for kind, w := range weights {
		for range n * w / total {
			out = append(out, kind)
		}
		rests = append(rests, &rest{kind, n * w % total})
	}
	for len(out) < n { // at most len(weights)-1 times
		best := slices.MaxFunc(rests, func(a, b *rest) int { return cmp.Compare(a.rest, b.rest) })
		out, best.rest = append(out, best.kind), -1
	}
	r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
