package shadow

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/matrix"
)

// Options bound a plan.
type Options struct {
	ID         string   // of the run: lowercase letters and digits, part of the namespaces' names
	Namespaces []string // whose pods are stood for; none: all
	MaxPods    int
	MaxFlows   int
	Seed       uint64
	Nodes      []string // that can hold pods; the first ones where an original's is none of them
	Skip       string   // a label: namespaces that have it are somebody's run, and left out
}

// Plan is what is made, and what is asked then.
type Plan struct {
	ID         string      `json:"id"`
	Seed       uint64      `json:"seed"`
	Namespaces []Namespace `json:"namespaces"`
	Policies   []Policy    `json:"policies"`
	Pods       []Pod       `json:"pods"`
	Flows      []Flow      `json:"flows"`
	Strata     []Stratum   `json:"strata"`
	Gaps       []Gap       `json:"gaps"`
}

// Namespace is one that stands for another.
type Namespace struct {
	Of     string            `json:"of"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Policy is a copy.
type Policy struct {
	Of     string               `json:"of"` // namespace/name
	Object *netv1.NetworkPolicy `json:"-"`
}

// Pod stands for the pods of a class.
type Pod struct {
	Of        string            `json:"of"`    // what people call the class: "shop/web"
	Count     int               `json:"count"` // of the originals
	Examples  []string          `json:"examples"`
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"` // unique in the plan
	Node      string            `json:"node"`
	Labels    map[string]string `json:"labels,omitempty"`
	Ports     []model.Port      `json:"ports,omitempty"` // declared
	Listen    []Port            `json:"listen"`          // sorted, at least one of TCP

	class, member int // in the matrix; which of the class's pods it is
}

// Key is namespace/name.
func (p *Pod) Key() string { return p.Namespace + "/" + p.Name }

// Port is one that is listened on.
type Port struct {
	Protocol corev1.Protocol `json:"protocol"`
	Number   uint16          `json:"number"`
}

func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Protocol) }

// Flow is asked. Client and Server are indexes into the pods.
type Flow struct {
	Client int          `json:"client"`
	Server int          `json:"server"`
	Family model.Family `json:"family"`
	Port
	// Verdict is that of the originals; Egress and Ingress are what decides it, by the names that
	// the policies have.
	Verdict model.Verdict `json:"verdict"`
	Egress  string        `json:"egress"`
	Ingress string        `json:"ingress"`
	// More says that the pair was asked about already: the flow can convict, and proves nothing about
	// pairs that were not drawn.
	More bool `json:"more,omitempty"`
}

// Stratum is the pairs of pods between which something has the verdict: what is drawn from.
type Stratum struct {
	Verdict model.Verdict `json:"verdict"`
	Pairs   int           `json:"pairs"`
	Drawn   int           `json:"drawn"`
}

// Gap is something that is not asked about, and why.
type Gap struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// planner is a plan in the making.
type planner struct {
	Options
	plan *Plan
	v    *inventory.Inventory // the originals, with the labels that selectors name
	runs map[string]string    // that made a namespace
	m    *matrix.Matrix
	rng  *rand.Rand
	name map[string]string // of the shadow, by the original's namespace
}

// New plans. The error says why there is nothing to ask.
func New(v *inventory.Inventory, o Options) (*Plan, error) {
	if err := o.check(v); err != nil {
		return nil, err
	}
	p := &planner{
		Options: o, v: visible(v), rng: rand.New(rand.NewPCG(o.Seed, 0x736861646f77)), name: map[string]string{},
		plan: &Plan{ID: o.ID, Seed: o.Seed, Gaps: gaps(v)}, runs: map[string]string{},
	}
	for _, n := range v.Namespaces {
		if run, ok := n.Labels[o.Skip]; ok {
			p.runs[n.Name] = run
			p.gap("namespace "+n.Name, "was made by run "+run+" of netassay: netassay clean removes it if that is over")
		}
	}
	p.m = p.matrixOf()
	p.choosePods()
	if len(p.plan.Pods) < 2 {
		return nil, errors.New("there are no two pods to stand for: policies see pods that run, have an address, and are not on the host network" + p.narrowed())
	}
	p.draw()
	if len(p.plan.Flows) == 0 {
		return nil, errors.New("there is no flow to ask about: none between two of the pods is TCP or UDP and means something to the specification")
	}
	p.listen()
	p.copyPolicies()
	return p.plan, nil
}

func (o Options) check(v *inventory.Inventory) error {
	var names []string
	for _, n := range v.Namespaces {
		names = append(names, n.Name)
	}
	for _, n := range o.Namespaces {
		if !slices.Contains(names, n) {
			return suggest.Unknown("namespace", n, names)
		}
	}
	if len(o.Nodes) == 0 {
		return errors.New("no node can hold pods")
	}
	return nil
}

func (p *planner) matrixOf() *matrix.Matrix { return matrix.Of(p.v, matrix.Options{}) }

func (p *planner) narrowed() string {
	if len(p.Namespaces) == 0 {
		return ""
	}
	return "; --namespaces leaves " + strings.Join(p.Namespaces, ", ")
}

// choosePods takes a pod for each class, in an order that is drawn, and then a second one for
// classes that have several pods, so that these can be asked about each other.
func (p *planner) choosePods() {
	classes := p.classes()
	p.rng.Shuffle(len(classes), func(i, j int) { classes[i], classes[j] = classes[j], classes[i] })
	chosen := classes[:min(len(classes), p.MaxPods)]
	if left := len(classes) - len(chosen); left > 0 {
		p.gap(fmt.Sprintf("%d of %d kinds of pods", left, len(classes)), fmt.Sprintf("--max-pods %d: others were drawn", p.MaxPods))
	}
	for _, c := range chosen {
		p.addPod(c, 0)
	}
	for _, c := range chosen {
		if len(p.plan.Pods) < p.MaxPods && p.m.Classes[c].Count > 1 {
			p.addPod(c, 1)
		}
	}
}

// classes are those that can be stood for.
func (p *planner) classes() (out []int) {
	for i := range p.m.Classes {
		c := &p.m.Classes[i]
		switch {
		case c.Kind != matrix.Pods || p.runs[c.Pod.Namespace] != "":
		case len(p.Namespaces) > 0 && !slices.Contains(p.Namespaces, c.Pod.Namespace):
		case repeated(c.Pod.Ports) != "":
			p.gap(c.Name, fmt.Sprintf("several containers declare a port of the name %s, which one container can't", repeated(c.Pod.Ports)))
		default:
			out = append(out, i)
		}
	}
	return out
}

// repeated is the name of two ports, "" when there is none.
func repeated(ports []model.Port) string {
	seen := map[string]bool{}
	for _, port := range ports {
		if port.Name != "" && seen[port.Name] {
			return port.Name
		}
		seen[port.Name] = true
	}
	return ""
}

func (p *planner) addPod(class, member int) {
	c := &p.m.Classes[class]
	original := &p.v.Pods[c.Members[member]]
	n := len(p.plan.Pods)
	node := original.Node
	if !slices.Contains(p.Nodes, node) {
		node = p.Nodes[n%len(p.Nodes)]
	}
	_, name, _ := strings.Cut(c.Name, "/")
	p.plan.Pods = append(p.plan.Pods, Pod{
		Of: c.Name, Count: c.Count, Examples: c.Examples, Namespace: p.namespace(c.Pod.Namespace), Name: fmt.Sprintf("%s-%d", short(name), n+1),
		Node: node, Labels: maps.Clone(c.Pod.Labels), Ports: slices.Clone(c.Pod.Ports), class: class, member: member,
	})
}

// longest leaves room in a name for what makes it unique.
const longest = 40

// short is a name as part of a pod's.
func short(name string) string {
	name, _, _ = strings.Cut(name, "#")
	return strings.Trim(name[:min(len(name), longest)], "-.")
}

// namespace is the shadow of one, made when it is the first time.
func (p *planner) namespace(original string) string {
	if name, ok := p.name[original]; ok {
		return name
	}
	name := fmt.Sprintf("netassay-%s-s%d", p.ID, len(p.name)+1)
	p.name[original] = name
	for _, n := range p.v.Namespaces {
		if n.Name == original {
			labels := maps.Clone(n.Labels)
			delete(labels, corev1.LabelMetadataName)
			p.plan.Namespaces = append(p.plan.Namespaces, Namespace{Of: original, Name: name, Labels: labels})
		}
	}
	return name
}

func (p *planner) gap(what, why string) { p.plan.Gaps = append(p.plan.Gaps, Gap{what, why}) }
