package cases

import (
	"errors"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/model"
)

// headerName is the file of an archive that says what the case does.
const headerName = "case.yaml"

// parser reads one case file. It goes on after an error, to report them all.
type parser struct {
	header *document
	files  map[string]*document // all others, by name
	used   map[string]bool
	source *document       // the last file that the present action named
	fakes  [3]*FakeCluster // the case run on fake clusters, one for each choice of families
	kase   Case
	errs   []error
}

// Parse reads a case file; name is its base name, "deny-ingress.txtar". Every error is one
// line that begins with file and line.
func Parse(name string, data []byte) (Case, error) {
	p, err := newParser(name, data)
	if err != nil {
		return Case{}, err
	}
	var h header
	if err := p.header.Decode(&h); err != nil {
		return Case{}, err
	}
	p.meta(h)
	for i, s := range h.Steps {
		p.step(i, s)
	}
	p.unused()
	if err := errors.Join(p.errs...); err != nil {
		return Case{}, err
	}
	return p.kase, nil
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*\.txtar$`)

func newParser(name string, data []byte) (*parser, error) {
	docs, err := splitArchive(name, data)
	if err != nil {
		return nil, err
	}
	p := &parser{files: map[string]*document{}, used: map[string]bool{}}
	for i, f := range []model.Families{model.OnlyIPv4, model.OnlyIPv6, model.Dual} {
		p.fakes[i] = NewFakeCluster(f.List()...)
	}
	for _, d := range docs {
		if d.Name == headerName {
			p.header = d
		} else {
			p.files[d.Name] = d
		}
	}
	whole := &document{File: name, Name: "name of the file", Data: data}
	if p.header == nil {
		return nil, whole.ErrorAt(1, "has no file %s; begin it with -- %s --", headerName, headerName)
	}
	if !kebab.MatchString(name) {
		return nil, whole.ErrorAt(1, "is not like this-is-a-case.txtar")
	}
	p.kase.Name = strings.TrimSuffix(name, ".txtar")
	return p, nil
}

// fail notes an error at a node of case.yaml.
func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, p.header.ErrorOn(n, format, args...))
}

// meta reads all that is not a step.
func (p *parser) meta(h header) {
	c := &p.kase
	c.Title, c.Spec, c.Upstream = h.Title, h.Spec, h.Upstream
	p.required("title", h.Title == "")
	p.required("spec", h.Spec == "")
	p.required("features", len(h.Features) == 0)
	p.required("steps", len(h.Steps) == 0)
	for i, n := range h.Upstream {
		if n < 1 || n > UpstreamCases {
			p.fail(p.header.At("upstream", i), "upstream test %d does not exist; valid are 1 to %d", n, UpstreamCases)
		}
	}
	for i, f := range h.Features {
		if valid := FeatureNames(); !slices.Contains(valid, f) {
			p.fail(p.header.At("features", i), "unknown feature %q%s", f, strictyaml.Nearest(f, slices.Sorted(slices.Values(valid))))
		}
		c.Features = append(c.Features, Feature(f))
	}
	for i, s := range h.Probes {
		probe, err := parseProbe(s)
		if err != nil {
			p.fail(p.header.At("probes", i), "%v", err)
		}
		c.Probes = append(c.Probes, probe)
	}
	if len(c.Probes) == 0 {
		c.Probes = DefaultProbes()
	}
	p.places(h)
}

// UpstreamCases is the number of tests of the upstream netpol suite that send packets.
const UpstreamCases = 48

func (p *parser) required(field string, absent bool) {
	if absent {
		p.fail(nil, "field %q is missing or empty", field)
	}
}

// places reads who takes part besides pods, and how servers are addressed.
func (p *parser) places(h header) {
	for i, s := range h.Paths {
		if !slices.Contains(Paths(), Path(s)) {
			p.fail(p.header.At("paths", i), "unknown path %q; valid are %s", s, strings.Join(list(Paths()), ", "))
		}
		p.kase.Paths = append(p.kase.Paths, Path(s))
	}
	if len(p.kase.Paths) == 0 {
		p.kase.Paths = []Path{PathPod}
	}
	for i, s := range h.Nodes {
		if NodeRole(s) != NodeClient && NodeRole(s) != NodeServer {
			p.fail(p.header.At("nodes", i), "unknown role %q of nodes; valid are client, server", s)
		}
		p.kase.Nodes = append(p.kase.Nodes, NodeRole(s))
	}
	for i, s := range h.World {
		addr, err := netip.ParseAddr(s)
		if err != nil || !model.IsOutside(addr) {
			p.fail(p.header.At("world", i), "%q is no address outside of clusters; valid are those of %v", s, model.OutsideRanges())
		}
		p.kase.World = append(p.kase.World, addr)
	}
}

// step reads one step and makes its changes on a fake cluster.
func (p *parser) step(i int, h headerStep) {
	node := p.header.At("steps", i)
	if h.Name == "" {
		p.fail(node, `step has no "name"`)
	}
	if slices.ContainsFunc(p.kase.Steps, func(s Step) bool { return s.Name == h.Name }) {
		p.fail(p.header.At("steps", i, "name"), "a second step of this name; give it another one")
	}
	if len(h.Do) == 0 && i > 0 {
		p.fail(node, `step does nothing; only the first one can be without "do"`)
	}
	s := Step{Name: h.Name}
	for j, ha := range h.Do {
		at := p.header.At("steps", i, "do", j)
		if a, ok := p.action(at, ha); ok {
			s.Do = append(s.Do, a)
			p.run(at, a)
		}
	}
	s.Expect = p.expects(p.header.At("steps", i, "expect"), h.Expect, s)
	p.kase.Steps = append(p.kase.Steps, s)
}

// run makes an action's change on fake clusters, to find out what would go wrong on a real one.
func (p *parser) run(at *yaml.Node, a Action) {
	for _, fake := range p.fakes {
		err := fake.Do(a)
		if err == nil {
			continue
		}
		if m := quotedPlaceholder.FindStringSubmatch(err.Error()); m != nil && p.source != nil {
			p.errs = append(p.errs, p.source.ErrorText(m[1], err))
		} else {
			p.fail(at, "%v", err)
		}
		return
	}
}

var quotedPlaceholder = regexp.MustCompile(`placeholder "(\$\{[^"]*)"`)

// expects reads the lines of a step and checks that each stands for some cell.
func (p *parser) expects(at *yaml.Node, text string, s Step) []Expect {
	first := 0
	if at != nil && (at.Style == yaml.LiteralStyle || at.Style == yaml.FoldedStyle) {
		first = 1
	}
	var all []Expect
	for i, line := range strings.Split(text, "\n") {
		e, ok, err := parseExpect(line)
		if !ok {
			continue
		}
		e.Line = p.header.Above + at.Line + first + i
		if err == nil {
			err = p.meaning(e)
		}
		if err == nil {
			err = p.meansNever(s, e)
		}
		if err != nil {
			p.errs = append(p.errs, p.header.ErrorAt(at.Line+first+i, "%v", err))
		}
		all = append(all, e)
	}
	return all
}

// unused finds files that no step uses: a policy that is forgotten proves nothing.
func (p *parser) unused() {
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if !p.used[name] {
			p.errs = append(p.errs, p.files[name].ErrorAt(0, "no step uses this file; apply it or remove it"))
		}
	}
}
