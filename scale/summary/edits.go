package summary

import (
	"cmp"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/stats"
)

// edits are the rows of changes of policies of ipBlocks, by the number of blocks, and behind them
// that of restarts.
func (d data) edits(engine string, counts map[int]bool) []v1.EditRow {
	var rows []v1.EditRow
	for i := range d.Samples {
		s := &d.Samples[i]
		blocks, change, ok := v1.ParseEdit(s.Transition)
		if !ok || s.Engine != engine || !counts[s.Repeat] {
			continue
		}
		at := slices.IndexFunc(rows, func(r v1.EditRow) bool { return r.Blocks == blocks && r.Change == change })
		if at < 0 {
			at = len(rows)
			rows = append(rows, v1.EditRow{Blocks: blocks, Change: change})
		}
		take(wrongedOf(&rows[at], s.Pair), s)
	}
	if len(rows) == 0 {
		return nil
	}
	order := []string{v1.EditUpdate, v1.EditDelete, v1.EditCreate}
	slices.SortFunc(rows, func(a, b v1.EditRow) int {
		return cmp.Or(cmp.Compare(a.Blocks, b.Blocks), cmp.Compare(slices.Index(order, a.Change), slices.Index(order, b.Change)))
	})
	if r := d.restarts(engine, counts); r.Opened.N > 0 {
		rows = append(rows, r)
	}
	for i := range rows {
		for _, flows := range v1.EditFlows() {
			w := wrongedOf(&rows[i], flows)
			w.Lo, w.Hi = stats.Share(w.Changes, w.N)
		}
	}
	return rows
}

// restarts are the restarts of an engine: of each the flow counts that was wrong for the longest.
func (d data) restarts(engine string, counts map[int]bool) v1.EditRow {
	type event struct{ repeat, change int }
	worst := map[bool]map[event]v1.Sample{false: {}, true: {}} // by whether the flow has to pass
	for i := range d.Samples {
		s := &d.Samples[i]
		if s.Engine != engine || s.Transition != v1.EditRestart || !counts[s.Repeat] {
			continue
		}
		of, at := worst[s.Want == "allow"], event{s.Repeat, s.Change}
		if was, ok := of[at]; !ok || s.Leaked+s.Lost > was.Leaked+was.Lost {
			of[at] = *s
		}
	}
	row := v1.EditRow{Change: v1.EditRestart}
	for allow, into := range map[bool]*v1.Wronged{false: &row.Opened, true: &row.Shut} {
		for _, s := range worst[allow] {
			take(into, &s)
		}
	}
	return row
}

// wrongedOf is where a row keeps flows of a kind.
func wrongedOf(r *v1.EditRow, flows string) *v1.Wronged {
	switch flows {
	case v1.EditDenied:
		return &r.Opened
	case v1.EditAllowed:
		return &r.Shut
	default:
		return &r.Cut
	}
}

// take takes in what a sample says.
func take(w *v1.Wronged, s *v1.Sample) {
	if s.Void != "" {
		w.Void++
		return
	}
	w.N++
	if packets := s.Leaked + s.Lost; packets > 0 {
		w.Changes++
		w.Packets += packets
		w.Longest = max(w.Longest, s.Leak, s.Outage)
	}
}

// Pool is what some rows say together of flows of a kind.
func Pool(rows []v1.EditRow, of func(*v1.EditRow) v1.Wronged, among func(*v1.EditRow) bool) v1.Wronged {
	var all v1.Wronged
	for i := range rows {
		if !among(&rows[i]) {
			continue
		}
		w := of(&rows[i])
		all.N, all.Void, all.Changes = all.N+w.N, all.Void+w.Void, all.Changes+w.Changes
		all.Packets, all.Longest = all.Packets+w.Packets, max(all.Longest, w.Longest)
	}
	all.Lo, all.Hi = stats.Share(all.Changes, all.N)
	return all
}
