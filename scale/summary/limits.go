package summary

import (
	"fmt"
	"maps"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// breaches are the limits that were broken, and those of which nothing is known: a limit
// without a figure is not kept.
func breaches(l *v1.Limits, s *v1.EngineSummary) (bad, unknown []string) {
	if l == nil {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(l.P99)) {
		limit := l.P99[name]
		i := slices.IndexFunc(s.Transitions, func(t v1.Transition) bool { return t.Transition == name })
		switch {
		case i < 0 || s.Transitions[i].N == 0:
			unknown = append(unknown, fmt.Sprintf("%s p99: no sample", name))
		case s.Transitions[i].P99.Value == nil || *s.Transitions[i].P99.Value > limit:
			bad = append(bad, fmt.Sprintf("%s p99 %s, limit %g ms", name, s.Transitions[i].P99, limit))
		}
	}
	if l.LeakPackets != nil && s.LeakPackets > *l.LeakPackets {
		bad = append(bad, fmt.Sprintf("%d packets leaked, limit %d", s.LeakPackets, *l.LeakPackets))
	}
	for _, judge := range []func(*v1.Limits, *v1.EngineSummary) (bad, unknown []string){memoryBreaches, churnBreaches} {
		moreBad, moreUnknown := judge(l, s)
		bad, unknown = append(bad, moreBad...), append(unknown, moreUnknown...)
	}
	if l.Slope && len(s.Slopes) == 0 {
		unknown = append(unknown, "growth of memory: too few cycles")
	}
	for _, slope := range s.Slopes {
		if l.Slope && slope.Lo > 0 {
			bad = append(bad, fmt.Sprintf("%s grows by %s per cycle [%s, %s]", slope.Name,
				v1.Quantity(slope.Slope, slope.Unit), v1.Quantity(slope.Lo, slope.Unit), v1.Quantity(slope.Hi, slope.Unit)))
		}
	}
	return bad, unknown
}

func memoryBreaches(l *v1.Limits, s *v1.EngineSummary) (bad, unknown []string) {
	if l.HWM != nil {
		most := -1.0
		for _, v := range row(s, v1.HWM).Phases {
			if v != nil {
				most = max(most, *v)
			}
		}
		switch {
		case most < 0:
			unknown = append(unknown, "VmHWM: no reading")
		case most > *l.HWM:
			bad = append(bad, fmt.Sprintf("VmHWM %s, limit %s", v1.Quantity(most, v1.UnitBytes), v1.Quantity(*l.HWM, v1.UnitBytes)))
		}
	}
	if l.Return != nil {
		switch got := row(s, v1.RSS).Return; {
		case got == nil:
			unknown = append(unknown, "memory after delete: no reading")
		case *got > *l.Return:
			bad = append(bad, fmt.Sprintf("memory after delete is %.0f %% of baseline, limit %.0f %%", 100**got, 100**l.Return))
		}
	}
	return bad, unknown
}

// reached is the share of the wanted pod churn below which a run was easier than what was
// asked for.
const reached = 0.95

// churnBreaches judges processor time under pod churn. Too much of it is too much at a lower
// rate as well.
func churnBreaches(l *v1.Limits, s *v1.EngineSummary) (bad, unknown []string) {
	if l.CPUShare == nil {
		return nil, nil
	}
	at := func(name string) *float64 { return row(s, name).At(v1.PhasePodChurn) }
	share, events, wanted := at(v1.CPUShare), at(v1.Events), at(v1.EventsWanted)
	switch {
	case share == nil || events == nil || wanted == nil:
		unknown = append(unknown, "processor time under pod churn: no reading")
	case *share > *l.CPUShare:
		bad = append(bad, fmt.Sprintf("pod churn took %.1f %% of a core, limit %g %%", *share, *l.CPUShare))
	case *events < reached**wanted:
		unknown = append(unknown, fmt.Sprintf("pod churn: the API server took %.1f events/s, %g were wanted", *events, *wanted))
	}
	return bad, unknown
}

// row is a line of the memory table, one without figures when it is not there.
func row(s *v1.EngineSummary, name string) *v1.MemoryRow {
	if i := slices.IndexFunc(s.Memory, func(r v1.MemoryRow) bool { return r.Name == name }); i >= 0 {
		return &s.Memory[i]
	}
	return &v1.MemoryRow{}
}
