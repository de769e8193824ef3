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
	moreBad, moreUnknown := memoryBreaches(l, s)
	bad, unknown = append(bad, moreBad...), append(unknown, moreUnknown...)
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
	row := func(name string) *v1.MemoryRow {
		if i := slices.IndexFunc(s.Memory, func(r v1.MemoryRow) bool { return r.Name == name }); i >= 0 {
			return &s.Memory[i]
		}
		return &v1.MemoryRow{}
	}
	if l.HWM != nil {
		most := -1.0
		for _, v := range row(v1.HWM).Phases {
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
		switch got := row(v1.RSS).Return; {
		case got == nil:
			unknown = append(unknown, "memory after delete: no reading")
		case *got > *l.Return:
			bad = append(bad, fmt.Sprintf("memory after delete is %.0f %% of baseline, limit %.0f %%", 100**got, 100**l.Return))
		}
	}
	return bad, unknown
}
