package runner

import (
	"fmt"
	"slices"

	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// skipWithoutRaw skips the cases with SCTP when a prober can't send raw packets, whatever
// the reason may be: runtimes and admission take NET_RAW away without a word.
func (s *suite) skipWithoutRaw() {
	fleet, ok := s.cfg.Fleet.(interface{ Capabilities(name string) []string })
	if !ok {
		return
	}
	for _, p := range s.controls {
		if !slices.Contains(fleet.Capabilities(p.prober), wire.CapSCTP) {
			s.skip(cases.SCTP, fmt.Sprintf("needs raw packets (NET_RAW) for SCTP, which prober %s can't send", p.prober))
			return
		}
	}
}

// skip takes the cases of a feature out of the queue.
func (s *suite) skip(f cases.Feature, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = slices.DeleteFunc(s.queue, func(c cases.Case) bool {
		if !c.HasFeature(f) {
			return false
		}
		s.report.Cases = append(s.report.Cases, described(c, v1.Skipped, reason))
		s.report.Order = slices.DeleteFunc(s.report.Order, func(name string) bool { return name == c.Name })
		s.total--
		return true
	})
}
