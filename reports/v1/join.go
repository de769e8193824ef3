package v1

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Conditions are what has to be equal for times of two runs to be comparable. That it is not is
// told, and verdicts are compared all the same.
func (r *Run) Conditions() map[string]string {
	t := r.Timing
	return map[string]string{
		"cluster": r.Cluster, "kubernetes": r.Kubernetes, "kernel": r.Kernel, "nodes": strconv.Itoa(r.Nodes),
		"families": strings.Join(r.Families, ", "), "cases at once": strconv.Itoa(r.Parallel), "paths": r.Paths,
		"timing": fmt.Sprintf("timeout %g, silence %g, hold %g, deadline %g, rounds %g and %g ms", t.Timeout, t.Silence, t.Hold, t.Deadline, t.RoundEvery, t.FastEvery),
	}
}

// Conditions are what must be equal for two runs to be comparable. Versions of engines may
// differ: that is what is compared.
func (r *ScaleRun) Conditions() map[string]string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return map[string]string{
		"profile": r.Profile, "churn": r.Churn, "cluster": r.Cluster, "kubernetes": r.Kubernetes, "kernel": r.Kernel,
		"cpus": strconv.Itoa(r.CPUs), "period-ms": number(r.Timing.Period), "hold-ms": number(r.Timing.Hold), "deadline-ms": number(r.Timing.Deadline),
	}
}

// Unequal names the conditions that are not the same in all runs, of which there must be one.
func Unequal(all ...map[string]string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(all[0])) {
		if slices.ContainsFunc(all, func(c map[string]string) bool { return c[name] != all[0][name] }) {
			names = append(names, name)
		}
	}
	return names
}

// JoinScale puts results of one kind together: each becomes more repeats of the first. Their
// conditions must be equal, but for the time. There must be one at least.
func JoinScale(all []*ScaleData) (*ScaleData, error) {
	slices.SortStableFunc(all, func(a, b *ScaleData) int { return a.Run.Started.Compare(b.Run.Started) })
	out := &ScaleData{Run: all[0].Run}
	out.Run.Turns, out.Run.Notes = nil, nil
	want := out.Run.Conditions()
	next := 0
	for _, d := range all {
		for key, value := range d.Run.Conditions() {
			if value != want[key] {
				return nil, fmt.Errorf("%s is %q in run %s and %q in run %s: one side holds runs of one kind", key, want[key], all[0].Run.ID, value, d.Run.ID)
			}
		}
		if !slices.EqualFunc(d.Run.Engines, out.Run.Engines, func(a, b Engine) bool { return a.Name == b.Name && a.Version == b.Version }) {
			return nil, fmt.Errorf("run %s has other engines than run %s: one side holds runs of one kind", d.Run.ID, all[0].Run.ID)
		}
		next = out.join(d, next)
	}
	return out, nil
}

// BesideScale puts results of different engines beside each other, as if one run had measured them
// all. An engine that is measured twice goes by the name of its run too. Conditions are those of
// the first. There must be one at least.
func BesideScale(all []*ScaleData) *ScaleData {
	out := &ScaleData{Run: ScaleRun{ScaleConditions: all[0].Run.ScaleConditions}}
	for _, d := range all {
		names := map[string]string{}
		for _, e := range d.Run.Engines {
			names[e.Name] = e.Name
			if slices.ContainsFunc(out.Run.Engines, func(o Engine) bool { return o.Name == e.Name }) {
				names[e.Name] = fmt.Sprintf("%s, run %s", e.Name, d.Run.ID)
			}
			e.Name = names[e.Name]
			out.Run.Engines = append(out.Run.Engines, e)
		}
		for _, t := range d.Run.Turns {
			t.Engine = names[t.Engine]
			out.Run.Turns = append(out.Run.Turns, t)
		}
		for _, s := range d.Samples {
			s.Engine = names[s.Engine]
			out.Samples = append(out.Samples, s)
		}
		for _, r := range d.Readings {
			r.Engine = names[r.Engine]
			out.Readings = append(out.Readings, r)
		}
		for _, p := range d.Points {
			p.Engine = names[p.Engine]
			out.Points = append(out.Points, p)
		}
		out.Run.Notes = append(out.Run.Notes, d.Run.Notes...)
	}
	return out
}

// join adds a result, its repeats numbered from first on; it gives the next free number.
func (d *ScaleData) join(more *ScaleData, first int) int {
	next := first
	renumber := func(repeat int) int {
		next = max(next, first+repeat+1)
		return first + repeat
	}
	for _, t := range more.Run.Turns {
		t.Repeat = renumber(t.Repeat)
		d.Run.Turns = append(d.Run.Turns, t)
	}
	for _, s := range more.Samples {
		s.Repeat = renumber(s.Repeat)
		d.Samples = append(d.Samples, s)
	}
	for _, r := range more.Readings {
		r.Repeat = renumber(r.Repeat)
		d.Readings = append(d.Readings, r)
	}
	d.Points = append(d.Points, more.Points...)
	d.Run.Notes = append(d.Run.Notes, more.Run.Notes...)
	if more.Run.Finished.After(d.Run.Finished) {
		d.Run.Finished = more.Run.Finished
	}
	return next
}

// Check says what is wrong with data that was read, naming item and field.
func (d *ScaleData) Check() error {
	if d.Run.Schema != ScaleSchema {
		return fmt.Errorf("schema is %q, this program reads %q", d.Run.Schema, ScaleSchema)
	}
	engines := map[string]bool{}
	for _, e := range d.Run.Engines {
		engines[e.Name] = true
	}
	type turn struct {
		engine string
		repeat int
	}
	turns := map[turn]bool{}
	for _, t := range d.Run.Turns {
		if turns[turn{t.Engine, t.Repeat}] || !engines[t.Engine] {
			return fmt.Errorf("turn %d of engine %q is there twice, or its engine is not listed", t.Repeat, t.Engine)
		}
		turns[turn{t.Engine, t.Repeat}] = true
	}
	for i := range d.Samples {
		s := &d.Samples[i]
		if !turns[turn{s.Engine, s.Repeat}] {
			return fmt.Errorf("sample %d: repeat %d of engine %q is no turn of the run", i+1, s.Repeat, s.Engine)
		}
		if s.Transition == "" {
			return fmt.Errorf("sample %d: transition is missing", i+1)
		}
	}
	for i, r := range d.Readings {
		if !turns[turn{r.Engine, r.Repeat}] {
			return fmt.Errorf("reading %d: repeat %d of engine %q is no turn of the run", i+1, r.Repeat, r.Engine)
		}
	}
	return nil
}
