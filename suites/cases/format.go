package cases

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Format is the file of a case, which Parse reads as the same case. The error says that it
// has a policy, or an action, that can't be written down.
func Format(c Case) ([]byte, error) {
	f := formatter{contents: map[string][]byte{}}
	h := header{Title: c.Title, Spec: c.Spec, Upstream: c.Upstream, Features: c.FeatureNames()}
	h.Probes, h.Paths, h.Nodes, h.World = list(c.Probes), list(c.Paths), list(c.Nodes), list(c.World)
	for _, s := range c.Steps {
		step := headerStep{Name: s.Name}
		var err error
		if step.Do, err = f.actions(s.Do); err != nil {
			return nil, fmt.Errorf("format case %s: %w", c.Name, err)
		}
		for _, e := range s.Expect {
			step.Expect += e.String() + "\n"
		}
		h.Steps = append(h.Steps, step)
	}
	text, err := blockYAML(h)
	if err != nil {
		return nil, fmt.Errorf("format case %s: %w", c.Name, err)
	}
	f.archive.Files = slices.Insert(f.archive.Files, 0, txtar.File{Name: headerName, Data: text})
	return txtar.Format(&f.archive), nil
}

// formatter collects the files that actions name.
type formatter struct {
	archive  txtar.Archive
	contents map[string][]byte
}

func (f *formatter) action(a Action) (h headerAction, err error) {
	switch a := a.(type) {
	case ApplyPolicy:
		h.Apply = new("")
		*h.Apply, err = f.policy(a.ref(), a.Policy)
	case RefusePolicy:
		h.Refuse = new("")
		*h.Refuse, err = f.policy(a.ref(), a.Policy)
	case PatchPolicy:
		h.Patch = &headerPatch{Policy: a.Key()}
		h.Patch.File, err = f.file(Ref{a.Namespace, a.Name + "-patch"}, a.Merge)
	case DeletePolicy:
		h.Delete = new(a.Key())
	case LabelPod:
		h.LabelPod = &headerPod{Pod: a.Key(), Labels: a.Labels}
	case LabelNamespace:
		h.LabelNamespace = &headerNamespace{Namespace: a.Name, Labels: a.Labels}
	case CreatePod:
		h.CreatePod = &headerNewPod{
			Pod: a.Key(), Labels: a.Labels, Node: a.Node, AddressOf: a.AddressOf, HostNetwork: a.HostNetwork, Family: a.Family, Lingers: a.Lingers,
			Ports: namedPorts(a.Ports[:len(a.Ports)-len(a.Sidecar)]), SidecarPorts: namedPorts(a.Sidecar),
		}
	case OpenFlow:
		h.Flow = &headerFlow{a.Name, a.Client.Key(), a.Server.Key(), a.Probe.String()}
	case CompletePod:
		h.CompletePod = new(a.Key())
	case DeletePod:
		h.DeletePod = new(a.Key())
	case CreateNamespace:
		h.CreateNamespace = &headerNamespace{Namespace: a.Name, Labels: labelChanges(nil, a.Labels)}
	case DeleteNamespace:
		h.DeleteNamespace = &a.Name
	case Repeat:
		h.Repeat = &headerRepeat{Times: a.Times}
		h.Repeat.Do, err = f.actions(a.Do)
	case Restart:
		h.Restart = &headerRestart{Part: string(a.Part)}
		h.Restart.Do, err = f.actions(a.Do)
	case CreateService:
		h.CreateService = a.Front.header()
	case DeleteService:
		h.DeleteService = new(a.Key())
	default:
		err = fmt.Errorf("no field of a case file stands for %T", a)
	}
	return h, err
}

func (f *formatter) actions(do []Action) (all []headerAction, err error) {
	for _, a := range do {
		h, err := f.action(a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
		all = append(all, h)
	}
	return all, nil
}

func (f *formatter) policy(ref Ref, p *netv1.NetworkPolicy) (name string, err error) {
	p = p.DeepCopy()
	p.APIVersion, p.Kind = "networking.k8s.io/v1", "NetworkPolicy"
	return f.file(ref, p)
}

// file is the name of a file with this content, which is written once.
func (f *formatter) file(ref Ref, content any) (name string, err error) {
	text, err := blockYAML(content)
	if err != nil {
		return "", err
	}
	base := ref.Namespace + "-" + ref.Name
	name = base + ".yaml"
	for n := 2; f.contents[name] != nil && !bytes.Equal(f.contents[name], text); n++ {
		name = fmt.Sprintf("%s-%d.yaml", base, n)
	}
	if f.contents[name] == nil {
		f.contents[name] = text
		f.archive.Files = append(f.archive.Files, txtar.File{Name: name, Data: text})
	}
	return name, nil
}

// PolicyYAML is a policy as a user writes it, without what an API server adds.
func PolicyYAML(p *netv1.NetworkPolicy) (string, error) {
	written := netv1.NetworkPolicy{Spec: p.Spec}
	written.APIVersion, written.Kind = "networking.k8s.io/v1", "NetworkPolicy"
	written.Name, written.Namespace = p.Name, p.Namespace
	text, err := blockYAML(&written)
	return string(text), err
}

// namedPorts are the ports of a new pod as its action has them: none for those of the fixture.
func namedPorts(ports []model.Port) map[string]string {
	if reflect.DeepEqual(ports, DefaultPorts()) {
		return nil
	}
	named := map[string]string{}
	for _, p := range ports {
		named[p.Name] = Probe{Port: p.Number, Protocol: p.Protocol}.String()
	}
	return named
}

// blockYAML writes v with the fields of its JSON, in their order, one to a line.
func blockYAML(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil { // JSON is YAML
		return nil, err
	}
	plain(&node)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err = e.Encode(&node)
	return b.Bytes(), err
}

// plain takes the style of JSON from a node and all beneath it, but for words that are
// something else than strings in YAML 1.1.
func plain(n *yaml.Node) {
	if !slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(n.Value)) {
		n.Style = 0
	}
	for _, c := range n.Content {
		plain(c)
	}
}

// String is the line of a case file.
func (e Expect) String() string {
	if e.Flow != "" {
		return "flow " + e.Flow + " " + flowWords[e.Verdict]
	}
	fields := []string{joined(e.Clients), "->", joined(e.Servers), e.word()}
	if len(e.Ports) > 0 {
		fields = append(fields, joined(e.Ports))
	}
	if fields = append(fields, list(e.Families)...); len(e.Paths) > 0 {
		fields = append(fields, joined(e.Paths))
	}
	return strings.Join(fields, " ")
}

// flowWords are what a line says of a flow.
var flowWords = map[model.Verdict]string{model.Allow: "keep", model.Deny: "cut", model.Undefined: "observe"}

// word is what the line says of its cells.
func (e Expect) word() string {
	switch {
	case e.Verdict == model.Undefined:
		return "observe"
	case e.Never:
		return "never"
	}
	return strings.ToLower(string(e.Verdict))
}

// String prints the pattern as "80/*".
func (pp PortPattern) String() string {
	if pp.Form != "" || pp.Protocol == ICMP {
		return Probe{Port: pp.Port, Protocol: pp.Protocol, Form: pp.Form}.String()
	}
	port, protocol := "*", cmp.Or(string(pp.Protocol), "*")
	if pp.Port != 0 {
		port = strconv.Itoa(int(pp.Port))
	}
	return port + "/" + protocol
}

func joined[T any](all []T) string { return strings.Join(list(all), ",") }

func list[T any](all []T) []string {
	var out []string
	for _, v := range all {
		out = append(out, fmt.Sprint(v))
	}
	return out
}
