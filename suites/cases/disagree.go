package cases

import (
	"fmt"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// Disagreement is a cell for which the author of a case and the specification, as the
// oracle reads it, do not want the same. One of them is wrong, so the case can't judge.
type Disagreement struct {
	Case           string
	Step           string
	Client, Server string // keys
	Family         model.Family
	Probe          Probe
	Pin, Oracle    model.Verdict
	Reason         string // the oracle's
}

func (d Disagreement) String() string {
	return fmt.Sprintf("%s: step %q: %s -> %s %s %s: pinned %s, the oracle says %s (%s)",
		d.Case, d.Step, d.Client, d.Server, d.Probe, d.Family, d.Pin, d.Oracle, d.Reason)
}

// Disagreements holds every pinned cell after step (0 is the first) of case c against the
// oracle, in the state s whose addresses b knows. A cell that either side leaves open is
// no disagreement, nor is one whose pod has no address of the family.
func Disagreements(c Case, step int, s model.Snapshot, b Binding) []Disagreement {
	var all []Disagreement
	keys := c.endpoints(step)
	for _, client := range keys {
		for _, server := range keys {
			for _, family := range b.Families() {
				pair := Disagreement{Case: c.Name, Step: c.Steps[step].Name, Client: client, Server: server, Family: family}
				all = append(all, pair.probes(c, step, s, b)...)
			}
		}
	}
	return all
}

// endpoints are the keys of all pods after a step, and of the nodes if they play a role.
func (c Case) endpoints(step int) []string {
	keys := c.Keys(step)
	if len(c.Nodes) > 0 {
		for n := 1; n <= FixtureNodes; n++ {
			keys = append(keys, NodeKey(n))
		}
	}
	return keys
}

// probes compares the cells of one pair of endpoints in one family.
func (d Disagreement) probes(c Case, step int, s model.Snapshot, b Binding) []Disagreement {
	client, server := d.Family.First(b.PodIPs(d.Client)), d.Family.First(b.PodIPs(d.Server))
	if !client.IsValid() || !server.IsValid() {
		return nil
	}
	var all []Disagreement
	for _, p := range c.Probes {
		got := oracle.Evaluate(s, model.Flow{Client: client, Server: server, Protocol: p.Protocol, Port: p.Port})
		cell := d
		cell.Probe, cell.Oracle, cell.Reason = p, got.Verdict, got.Reason
		cell.Pin = c.Want(step, d.Client, d.Server, p, d.Family)
		if cell.Pin != cell.Oracle && cell.Pin != model.Undefined && cell.Oracle != model.Undefined {
			all = append(all, cell)
		}
	}
	return all
}
