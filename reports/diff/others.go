package diff

import (
	"fmt"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Check compares runs of the AKS check, step by step. The verdicts of the sides are the caller's to
// tell: the records have them.
func Check(baseName, headName string, base, head *v1.CheckRun) *Report {
	side := func(name string, r *v1.CheckRun) Side {
		return Side{Name: name, Engine: r.Engine, Version: r.Tool, Runs: 1}
	}
	r := &Report{Experiment: "aks-check", Base: side(baseName, base), Head: side(headName, head)}
	r.Conditions = differing(map[string]string{"cluster": base.Cluster}, map[string]string{"cluster": head.Cluster})
	for _, b := range base.Steps {
		i := slices.IndexFunc(head.Steps, func(h v1.CheckStep) bool { return h.Title == b.Title && h.Command == b.Command })
		if i < 0 || b.Command == "" {
			continue
		}
		h := head.Steps[i]
		r.item(b.Title, passed(b.OK), passed(h.OK), h.Output)
	}
	if r.Compared == 0 {
		r.Why = append(r.Why, "no step was done on both sides")
	}
	r.conclude()
	return r
}

// Chaos compares chaos runs: whether packets leaked or were lost, on each backend. Verdicts as in
// Check.
func Chaos(baseName, headName string, base, head *v1.ChaosRun) *Report {
	side := func(name string, r *v1.ChaosRun) Side {
		return Side{Name: name, Engine: "reference", Version: r.Tool, Runs: 1}
	}
	r := &Report{Experiment: "chaos", Base: side(baseName, base), Head: side(headName, head)}
	r.Conditions = differing(map[string]string{"cluster": base.Cluster, "kernel": base.Kernel, "seed": fmt.Sprint(base.Seed)},
		map[string]string{"cluster": head.Cluster, "kernel": head.Kernel, "seed": fmt.Sprint(head.Seed)})
	for _, b := range base.Backends {
		i := slices.IndexFunc(head.Backends, func(h v1.Backend) bool { return h.Backend == b.Backend })
		if i < 0 {
			continue
		}
		h := head.Backends[i]
		r.item(b.Backend+", leaks", none(b.UDP.Leaked+b.TCP.Leaked), none(h.UDP.Leaked+h.TCP.Leaked), wrong(h.UDP.Leaked+h.TCP.Leaked, "leaked"))
		r.item(b.Backend+", losses", none(b.UDP.Lost+b.TCP.Lost), none(h.UDP.Lost+h.TCP.Lost), wrong(h.UDP.Lost+h.TCP.Lost, "were lost"))
	}
	if r.Compared == 0 {
		r.Why = append(r.Why, "no backend came to its end on both sides")
	}
	r.conclude()
	return r
}

// Scale compares what is no matter of statistics in scale runs: whether packets leaked at all. The
// figures come by AddFigures. engine names what both sides' engines are called; bases and heads
// are their summaries in the same order.
func Scale(base, head Side, conditions [2]map[string]string, engines []string, bases, heads []v1.EngineSummary) *Report {
	r := &Report{Experiment: "scale", Base: base, Head: head, Conditions: differing(conditions[0], conditions[1])}
	for i, engine := range engines {
		for _, b := range bases[i].Transitions {
			j := slices.IndexFunc(heads[i].Transitions, func(h v1.Transition) bool { return h.Transition == b.Transition })
			if j < 0 {
				continue
			}
			h := heads[i].Transitions[j]
			r.item(fmt.Sprintf("%s, %s: leaks", engine, b.Transition), none(b.LeakPackets), none(h.LeakPackets), wrong(h.LeakPackets, "leaked"))
		}
	}
	r.conclude()
	return r
}

func passed(ok bool) v1.Outcome {
	if ok {
		return v1.Pass
	}
	return v1.Fail
}

func none(packets uint64) v1.Outcome { return passed(packets == 0) }

func wrong(packets uint64, what string) string {
	if packets == 0 {
		return ""
	}
	return fmt.Sprintf("%d packets %s", packets, what)
}

// item compares one thing, and keeps it when it changed.
func (r *Report) item(name string, base, head v1.Outcome, why string) {
	r.Compared++
	if c := became(base, head); c != Same {
		r.Items = append(r.Items, Item{Name: name, Base: string(base), Head: string(head), Change: c, Why: why})
	}
}
