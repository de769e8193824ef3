package diff

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/matrix"
)

// Bounds are how much of a report is asked about with packets.
type Bounds struct {
	Pods, Ports int // of one side, at most
	Same        int // flows that did not change, at most
}

// Sample is flows to ask about with packets, as lines of expectations, of the states before and
// after. A side on which the specification leaves a flow open has no line for it.
type Sample struct {
	Before, After []string
	Changed, Same int // flows that are asked about, and did or did not change
	Left          int // changes that are not: of nodes, of hosts that nobody may play, or beyond the bounds
}

// Sample takes from each change one flow, as long as there is room, and draws others between the
// same pods that did not change.
func (r *Report) Sample(seed uint64, b Bounds) Sample {
	s := sampler{r: r, bounds: b, ports: map[string]bool{}, pods: [2]map[string]bool{{}, {}}, seen: map[string]bool{}}
	for i := range r.Changes {
		if c := &r.Changes[i]; s.add(c.flow(), c.Families, c.Before, c.After) {
			s.Changed++
		} else {
			s.Left++
		}
	}
	s.unchanged(rand.New(rand.NewPCG(seed, seed)))
	return s.Sample
}

// flow is the one flow of a change that stands for all: any port of it would do.
func (c *Change) flow() matrix.Flow {
	return matrix.Flow{From: c.from, To: c.to, Family: c.Families[0], Protocol: c.ports.Protocol, Port: c.ports.First}
}

// sampler gathers a sample.
type sampler struct {
	Sample
	r      *Report
	bounds Bounds
	pods   [2]map[string]bool // of both sides
	ports  map[string]bool
	asked  []matrix.Flow
	seen   map[string]bool // lines of the side after, without their verdict
}

// add asks about a flow on both sides, and reports whether there was room for it.
func (s *sampler) add(f matrix.Flow, families []model.Family, was, is model.Verdict) bool {
	port := fmt.Sprintf("%d/%s", f.Port, f.Protocol)
	ends := [2][]string{}
	if !s.r.named(f, &ends) || !s.room(ends, port) {
		return false
	}
	key := strings.Join(append(ends[1], port, fmt.Sprint(families)), " ")
	if s.seen[key] {
		return false
	}
	s.seen[key], s.ports[port] = true, true
	for side, lines := range []*[]string{&s.Before, &s.After} {
		for _, e := range ends[side] {
			s.pods[side][e] = true
		}
		verdict := map[model.Verdict]string{model.Allow: "allow", model.Deny: "deny"}[[2]model.Verdict{was, is}[side]]
		for _, family := range families {
			if verdict != "" {
				*lines = append(*lines, fmt.Sprintf("%s -> %s %s %s %s", ends[side][0], ends[side][1], verdict, port, family))
			}
		}
	}
	s.asked = append(s.asked, f)
	return true
}

// named finds what the ends of a flow are called on both sides.
func (r *Report) named(f matrix.Flow, ends *[2][]string) bool {
	was := f
	var ok [2]bool
	was.From, ok[0] = r.before.ByKey(r.after.Classes[f.From].Key)
	was.To, ok[1] = r.before.ByKey(r.after.Classes[f.To].Key)
	if !ok[0] || !ok[1] {
		return false
	}
	for side, one := range []struct {
		m *matrix.Matrix
		f matrix.Flow
	}{{r.before, was}, {r.after, f}} {
		client, server, ok := one.m.Names(one.f)
		if !ok || !playable(client) || !playable(server) {
			return false
		}
		ends[side] = []string{client, server}
	}
	return true
}

// playable reports whether a lab can have an end: a pod, or a host of an address that is set aside
// for such use.
func playable(name string) bool {
	host, outside := strings.CutPrefix(name, "world:")
	if !outside {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && model.IsOutside(addr)
}

// room reports whether the bounds allow for these ends and the port.
func (s *sampler) room(ends [2][]string, port string) bool {
	for side, names := range ends {
		more := 0
		for _, n := range names {
			if !s.pods[side][n] {
				more++
			}
		}
		if len(s.pods[side])+more > s.bounds.Pods {
			return false
		}
	}
	return s.ports[port] || len(s.ports) < s.bounds.Ports
}

// unchanged draws flows that did not change: where there are some that did, between groups and on
// ports that these have.
func (s *sampler) unchanged(draw *rand.Rand) {
	froms, tos, shapes := s.drawn()
	if len(froms) == 0 || len(tos) == 0 {
		return
	}
	for try := 0; try < 50*s.bounds.Same && s.Same < s.bounds.Same; try++ {
		f := shapes[draw.IntN(len(shapes))]
		f.From, f.To = froms[draw.IntN(len(froms))], tos[draw.IntN(len(tos))]
		f.Family = s.r.after.Families[draw.IntN(len(s.r.after.Families))]
		was, is := s.r.verdicts(f)
		if was == is && is != model.Undefined && s.add(f, []model.Family{f.Family}, was, is) {
			s.Same++
		}
	}
}

// drawn are groups and ports to draw from: those of the flows that changed, or any where none did.
func (s *sampler) drawn() (froms, tos []int, shapes []matrix.Flow) {
	for _, f := range s.asked {
		froms, tos, shapes = append(froms, f.From, f.To), append(tos, f.To, f.From), append(shapes, f)
	}
	if len(shapes) > 0 {
		return froms, tos, shapes
	}
	shapes = []matrix.Flow{{Protocol: "TCP", Port: 80}, {Protocol: "UDP", Port: 53}}
	for i := range s.r.after.Classes {
		c := &s.r.after.Classes[i]
		froms, tos = append(froms, i), append(tos, i)
		for _, p := range c.Pod.Ports {
			shapes = append(shapes, matrix.Flow{Protocol: p.Protocol, Port: p.Number})
		}
	}
	return froms, tos, shapes
}

// verdicts are those of a flow in both states; Undefined where one has no such flow.
func (r *Report) verdicts(f matrix.Flow) (was, is model.Verdict) {
	from, ok := r.before.ByKey(r.after.Classes[f.From].Key)
	to, okTo := r.before.ByKey(r.after.Classes[f.To].Key)
	if !ok || !okTo {
		return model.Undefined, model.Undefined
	}
	return r.before.Flows(from, to, f.Family).At(f.Protocol, f.Port), r.after.Flows(f.From, f.To, f.Family).At(f.Protocol, f.Port)
}
