package cases

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/model"
)

// action reads one action. ok is false when it can't be understood; that has been noted.
func (p *parser) action(at *yaml.Node, h headerAction) (a Action, ok bool) {
	if at == nil || at.Kind != yaml.MappingNode || len(at.Content) != 2 {
		p.fail(at, `an action has exactly one field, like "- apply: policy.yaml"`)
		return nil, false
	}
	errs := len(p.errs)
	p.source = nil
	switch {
	case h.Apply != nil:
		a = ApplyPolicy{p.policy(at, *h.Apply)}
	case h.Refuse != nil:
		a = RefusePolicy{p.policy(at, *h.Refuse)}
	case h.Patch != nil:
		a = p.patch(at, *h.Patch)
	case h.Delete != nil:
		a = DeletePolicy{p.ref(at, *h.Delete)}
	case h.LabelPod != nil:
		a = LabelPod{p.ref(at, h.LabelPod.Pod), h.LabelPod.Labels}
	case h.LabelNamespace != nil:
		a = LabelNamespace{h.LabelNamespace.Namespace, h.LabelNamespace.Labels}
	case h.CreatePod != nil:
		a = CreatePod{p.newPod(at, *h.CreatePod)}
	case h.Flow != nil:
		a = p.flow(at, *h.Flow)
	case h.DeletePod != nil:
		a = DeletePod{p.ref(at, *h.DeletePod)}
	case h.CompletePod != nil:
		a = CompletePod{p.ref(at, *h.CompletePod)}
	case h.CreateNamespace != nil:
		a = CreateNamespace{p.newNamespace(at, *h.CreateNamespace)}
	case h.DeleteNamespace != nil && *h.DeleteNamespace != "":
		a = DeleteNamespace{*h.DeleteNamespace}
	case h.Repeat != nil:
		a = p.repeat(at, *h.Repeat)
	case h.Restart != nil:
		a = p.restart(at, *h.Restart)
	case h.CreateService != nil:
		a = CreateService{p.newService(at, *h.CreateService)}
	case h.DeleteService != nil:
		a = p.fakes[0].deleteService(p.ref(at, *h.DeleteService))
	default:
		p.fail(at, "action has no value")
	}
	return a, len(p.errs) == errs
}

// maxTimes bounds what a step may cost.
const maxTimes = 1000

func (p *parser) repeat(at *yaml.Node, h headerRepeat) Repeat {
	r := Repeat{Times: h.Times}
	if h.Times < enoughRounds || h.Times > maxTimes || len(h.Do) == 0 {
		p.fail(at, "repeat needs times from %d to %d, and actions to do", enoughRounds, maxTimes)
	}
	r.Do = p.changes(at, "repeat", h.Do)
	return r
}

func (p *parser) restart(at *yaml.Node, h headerRestart) Restart {
	r := Restart{Part: Part(h.Part), Do: p.changes(at, "restart", h.Do)}
	if !r.Part.known() {
		p.fail(at, "restart can't kill the part %q%s", h.Part, strictyaml.Nearest(h.Part, parts()))
	}
	return r
}

// changes reads the actions inside of another one.
func (p *parser) changes(at *yaml.Node, outer string, do []headerAction) []Action {
	var all []Action
	for i, one := range do {
		a, ok := p.action(strictyaml.Child(strictyaml.Child(at.Content[1], "do"), i), one)
		switch a.(type) {
		case ApplyPolicy, PatchPolicy, DeletePolicy, LabelPod, LabelNamespace:
		default:
			if ok {
				p.fail(at, "%s can't %s: only policies and labels change in it", outer, a)
			}
		}
		all = append(all, a)
	}
	return all
}

// file finds a file of the archive and notes that it is used, by the action at hand.
func (p *parser) file(at *yaml.Node, name string) *document {
	d, ok := p.files[name]
	if !ok {
		p.fail(at, "file %q is not in this archive%s", name, strictyaml.Nearest(name, slices.Sorted(maps.Keys(p.files))))
		return nil
	}
	p.used[name] = true
	p.source = d
	return d
}

func (p *parser) policy(at *yaml.Node, file string) *netv1.NetworkPolicy {
	d := p.file(at, file)
	if d == nil {
		return nil
	}
	var policy netv1.NetworkPolicy
	if err := d.Decode(&policy); err != nil {
		p.errs = append(p.errs, err)
		return nil
	}
	if policy.APIVersion != netv1.SchemeGroupVersion.String() || policy.Kind != "NetworkPolicy" {
		p.errs = append(p.errs, d.ErrorOn(d.Root, "want apiVersion networking.k8s.io/v1 and kind NetworkPolicy"))
	}
	if policy.Name == "" || policy.Namespace == "" {
		p.errs = append(p.errs, d.ErrorOn(d.At("metadata"), "metadata needs a name and a namespace"))
	}
	return &policy
}

func (p *parser) patch(at *yaml.Node, h headerPatch) PatchPolicy {
	patch, d := PatchPolicy{Ref: p.ref(at, h.Policy)}, p.file(at, h.File)
	if d == nil {
		return patch
	}
	// A merge patch has the fields of a policy, and null for those that it removes.
	if err := d.Decode(&netv1.NetworkPolicy{}); err != nil {
		p.errs = append(p.errs, err)
		return patch
	}
	merge, err := d.JSON()
	if err != nil {
		p.errs = append(p.errs, err)
	}
	patch.Merge = merge
	return patch
}

var refSyntax = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*$`)

func (p *parser) ref(at *yaml.Node, key string) Ref {
	if !refSyntax.MatchString(key) {
		p.fail(at, "%q is not like x/name", key)
	}
	return refOf(key)
}

// refOf splits a key.
func refOf(key string) Ref {
	ns, name, _ := strings.Cut(key, "/")
	return Ref{Namespace: ns, Name: name}
}

func (p *parser) newNamespace(at *yaml.Node, h headerNamespace) Namespace {
	if strings.HasPrefix(h.Namespace, "node") || h.Namespace == "world" {
		p.fail(at, `a namespace can't be called %q: such names stand for nodes and for hosts outside`, h.Namespace)
	}
	return Namespace{Name: h.Namespace, Labels: relabelled(map[string]string{"ns": h.Namespace}, h.Labels)}
}

func (p *parser) newPod(at *yaml.Node, h headerNewPod) Pod {
	ref := p.ref(at, h.Pod)
	if h.Node < 1 || h.Node > FixtureNodes {
		p.fail(at, "pod %s needs a node from 1 to %d", h.Pod, FixtureNodes)
	}
	pod := Pod{
		Ref: ref, Labels: map[string]string{"pod": ref.Name}, Node: h.Node,
		AddressOf: h.AddressOf, HostNetwork: h.HostNetwork, Family: h.Family, Made: true, Lingers: h.Lingers,
	}
	if families := []model.Family{"", model.IPv4, model.IPv6}; !slices.Contains(families, h.Family) {
		p.fail(at, "unknown family %q of pod %s; valid are IPv4, IPv6", h.Family, h.Pod)
	}
	maps.Copy(pod.Labels, h.Labels)
	if h.Labels != nil && len(h.Labels) == 0 { // none at all
		clear(pod.Labels)
		if slices.Contains(p.kase.Paths, PathService) {
			p.fail(at, "no Service selects pod %s, which has no label; give it one, or leave the path service out", h.Pod)
		}
	}
	if h.HostNetwork {
		if h.AddressOf+string(h.Family) != "" || len(h.Ports)+len(h.SidecarPorts) > 0 {
			p.fail(at, "pod %s has the addresses of its node, and no ports; leave addressOf, family, ports and sidecarPorts out", h.Pod)
		}
		return pod
	}
	pod.Ports, pod.Sidecar = p.ports(at, h.Ports), p.named(at, h.SidecarPorts)
	pod.Ports = append(pod.Ports, pod.Sidecar...)
	return pod
}

var flowSyntax = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

func (p *parser) flow(at *yaml.Node, h headerFlow) OpenFlow {
	probe, err := parseProbe(h.Port)
	if err != nil {
		p.fail(at, "flow %s: %v", h.Name, err)
	} else if probe.Protocol != corev1.ProtocolTCP && probe.Protocol != corev1.ProtocolUDP || probe.Port == 8080 {
		p.fail(at, "flow %s is between probers, by TCP or UDP", h.Name)
	}
	if !flowSyntax.MatchString(h.Name) {
		p.fail(at, "%q is no name of a flow; valid are like f1", h.Name)
	}
	return OpenFlow{h.Name, p.ref(at, h.From), p.ref(at, h.To), probe}
}

// ports are the declared ports of a new pod: those of the fixture when none are given.
func (p *parser) ports(at *yaml.Node, named map[string]string) []model.Port {
	if len(named) == 0 {
		return DefaultPorts()
	}
	return p.named(at, named)
}

func (p *parser) named(at *yaml.Node, named map[string]string) []model.Port {
	var ports []model.Port
	for _, name := range slices.Sorted(maps.Keys(named)) {
		probe, err := parseProbe(named[name])
		if err != nil {
			p.fail(at, "port %s: %v", name, err)
		}
		ports = append(ports, model.Port{Name: name, Number: probe.Port, Protocol: probe.Protocol})
	}
	return ports
}

// meaning checks that an expectation stands for some cell of the step that is being read.
func (p *parser) meaning(e Expect) error {
	if e.Flow != "" {
		if !slices.Contains(p.fakes[0].flows, e.Flow) {
			return fmt.Errorf("no flow %s is open; flows are %v", e.Flow, p.fakes[0].flows)
		}
		return nil
	}
	keys := p.fakes[0].keys()
	if err := p.meansEndpoints(e.Clients, keys, NodeClient); err != nil {
		return err
	}
	keys = slices.DeleteFunc(keys, p.fakes[0].onHost) // which serve nothing
	if err := p.meansEndpoints(e.Servers, keys, NodeServer); err != nil {
		return err
	}
	for _, path := range e.Paths {
		if !slices.Contains(p.kase.Paths, path) {
			return fmt.Errorf("nothing goes by the path %s; paths are %v", path, p.kase.Paths)
		}
	}
	for _, pp := range e.Ports {
		if pp.Protocol == ICMP && e.Verdict != model.Undefined {
			return fmt.Errorf("no policy is about ICMP; only observe it")
		}
		if err := p.meansForm(pp.Form, e, keys); err != nil {
			return err
		}
		pp.Form = ""
		if !slices.ContainsFunc(p.kase.Probes, pp.matches) {
			return fmt.Errorf("nothing probes this port; probes are %v", p.kase.Probes)
		}
	}
	return nil
}

// meansForm checks what a line says of packets in a form.
func (p *parser) meansForm(f Form, e Expect, keys []string) error {
	who := f.Claims()
	switch {
	case f == "":
	case e.Verdict == model.Allow || e.Never:
		return fmt.Errorf("whether packets of the form %s arrive is not for policies alone to say; deny or observe them", f)
	case who != "" && who != Nobody && !IsNodeKey(who) && !slices.Contains(keys, who):
		return fmt.Errorf("%s is no pod in this step, so that nobody can claim to be it; pods are %s", who, strings.Join(keys, ", "))
	}
	return nil
}

func (p *parser) meansEndpoints(patterns []Pattern, keys []string, role NodeRole) error {
	for _, pattern := range patterns {
		if strings.HasPrefix(string(pattern), "node") && !strings.Contains(string(pattern), "/") {
			if !slices.Contains(p.kase.Nodes, role) {
				return fmt.Errorf(`%s is no %s in this case; add "nodes: [%s]"`, pattern, role, role)
			}
			continue
		}
		if strings.HasPrefix(string(pattern), worldPrefix) {
			if !slices.ContainsFunc(p.kase.World, func(a netip.Addr) bool { return pattern.matches(WorldKey(a)) }) {
				return fmt.Errorf("%s takes no part in this case; world is %v", pattern, p.kase.World)
			}
			continue
		}
		if !slices.ContainsFunc(keys, pattern.matches) {
			return fmt.Errorf("%s matches no pod in this step; pods are %s", pattern, strings.Join(keys, ", "))
		}
	}
	return nil
}
