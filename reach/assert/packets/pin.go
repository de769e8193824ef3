package packets

import (
	"fmt"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// pin has the last step expect of each cell what the oracle says of it.
func (p *Play) pin() error {
	fake := cases.NewFakeCluster(model.Dual.List()...)
	last := len(p.Case.Steps) - 1
	for _, s := range p.Case.Steps {
		if err := fake.Do(s.Do...); err != nil {
			return fmt.Errorf("make a case of the expectations: %w", err)
		}
	}
	type pair struct {
		client, server string
		family         model.Family
		verdict        model.Verdict
	}
	ports := map[pair][]cases.PortPattern{}
	var order []pair
	for _, k := range p.Case.Cells(last, fake.Families()) {
		if k.Client == k.Server {
			continue
		}
		d, ok := fake.Verdict(k)
		if !ok || d.Verdict == model.Allow {
			continue
		}
		at := pair{k.Client, k.Server, k.Family, d.Verdict}
		if ports[at] == nil {
			order = append(order, at)
		}
		ports[at] = append(ports[at], cases.PortPattern{Port: k.Probe.Port, Protocol: k.Probe.Protocol})
	}
	var expect []cases.Expect
	for _, at := range order {
		expect = append(expect, cases.Expect{
			Clients: []cases.Pattern{cases.Pattern(at.client)}, Servers: []cases.Pattern{cases.Pattern(at.server)},
			Families: []model.Family{at.family}, Verdict: at.verdict, Ports: ports[at],
		})
	}
	p.Case.Steps[last].Expect = expect
	return nil
}
