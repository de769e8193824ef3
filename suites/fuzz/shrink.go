package fuzz

import (
	"iter"
	"slices"

	"github.com/netassay/netassay/suites/cases"
)

// Shrink takes pieces away from a case for as long as it fails. fails is given candidates, at
// most that many at once, and returns the first that fails, -1 when none does; it may play
// them side by side. An error of it ends the search: the smallest case so far is returned
// with it.
func Shrink(c cases.Case, atOnce int, fails func([]cases.Case) (int, error)) (cases.Case, error) {
	tried := map[string]bool{}
	for at := 0; ; {
		all := smaller(c)
		at %= max(1, len(all)) // what did not fail a moment ago comes last
		found := false
		for next, batch := range batches(slices.Concat(all[at:], all[:at]), atOnce, tried) {
			i, err := fails(batch)
			if err != nil {
				return c, err
			}
			if found = i >= 0; found {
				c, at = batch[i], at+next
				break
			}
		}
		if !found {
			return c, nil
		}
	}
}

// batches are the candidates that are fresh, and the place after the last of each batch.
func batches(all []cases.Case, size int, tried map[string]bool) iter.Seq2[int, []cases.Case] {
	return func(yield func(int, []cases.Case) bool) {
		var batch []cases.Case
		for i, c := range all {
			if c, ok := fresh(c, tried); ok {
				batch = append(batch, c)
			}
			if len(batch) == size || len(batch) > 0 && i == len(all)-1 {
				if !yield(i+1, batch) {
					return
				}
				batch = nil
			}
		}
	}
}

// fresh is a candidate with the oracle's pins. It is not ok when it can't be played or was
// tried before.
func fresh(c cases.Case, tried map[string]bool) (cases.Case, bool) {
	c, err := pin(c)
	if err != nil {
		return c, false
	}
	return c, untried(c, tried)
}

// untried reports whether a case is not among those that were tried, and notes it.
func untried(c cases.Case, tried map[string]bool) bool {
	text, err := cases.Format(c)
	if err != nil || tried[string(text)] {
		return false
	}
	tried[string(text)] = true
	return true
}

// smaller are all cases with one piece less, those with much less first.
func smaller(c cases.Case) []cases.Case {
	var out []cases.Case
	with := func(steps []cases.Step) {
		steps = slices.DeleteFunc(steps, func(s cases.Step) bool { return len(s.Do) == 0 })
		if len(steps) > 0 {
			d := c
			d.Steps = steps
			out = append(out, d)
		}
	}
	n := len(c.Steps)
	with(slices.Clone(c.Steps[:(n+1)/2]))
	with(joined(c.Steps))
	for i := range c.Steps {
		with(slices.Delete(slices.Clone(c.Steps), n-1-i, n-i))
	}
	for _, key := range objects(c.Steps) {
		with(without(c.Steps, key))
	}
	for i, s := range c.Steps {
		for j := range s.Do {
			with(replaced(c.Steps, i, slices.Delete(slices.Clone(s.Do), j, j+1)))
		}
	}
	out = append(out, narrower(c)...)
	for i, s := range c.Steps {
		for j, a := range s.Do {
			if apply, ok := a.(cases.ApplyPolicy); ok {
				for _, p := range smallerPolicies(apply.Policy) {
					do := slices.Clone(s.Do)
					do[j] = cases.ApplyPolicy{Policy: p}
					with(replaced(c.Steps, i, do))
				}
			}
		}
	}
	return out
}

// joined does all in one step, the last policy of each name alone.
func joined(steps []cases.Step) []cases.Step {
	var do []cases.Action
	for _, s := range steps {
		for _, a := range s.Do {
			if _, ok := a.(cases.ApplyPolicy); ok {
				do = slices.DeleteFunc(do, func(b cases.Action) bool { return object(b) == object(a) })
			}
			do = append(do, a)
		}
	}
	return []cases.Step{{Name: steps[len(steps)-1].Name, Do: do}}
}

func replaced(steps []cases.Step, at int, do []cases.Action) []cases.Step {
	out := slices.Clone(steps)
	out[at].Do = do
	return out
}

// without does nothing to an object.
func without(steps []cases.Step, key string) []cases.Step {
	out := slices.Clone(steps)
	for i := range out {
		out[i].Do = slices.DeleteFunc(slices.Clone(out[i].Do), func(a cases.Action) bool { return object(a) == key })
	}
	return out
}

// narrower are the cases with one probe less, and without nodes.
func narrower(c cases.Case) []cases.Case {
	var out []cases.Case
	for i := range c.Probes {
		if d := c; len(c.Probes) > 1 {
			d.Probes = slices.Delete(slices.Clone(c.Probes), i, i+1)
			out = append(out, d)
		}
	}
	if d := c; len(c.Nodes) > 0 {
		d.Nodes = nil
		out = append(out, d)
	}
	return out
}

// objects are what steps act on.
func objects(steps []cases.Step) []string {
	var out []string
	for _, s := range steps {
		for _, a := range s.Do {
			if key := object(a); !slices.Contains(out, key) {
				out = append(out, key)
			}
		}
	}
	return out
}

// object is the kind and the name of what an action acts on.
func object(a cases.Action) string {
	switch a := a.(type) {
	case cases.ApplyPolicy:
		return "policy " + refOf(a.Policy).Key()
	case cases.DeletePolicy:
		return "policy " + a.Key()
	case cases.LabelPod:
		return "pod " + a.Key()
	case cases.CreatePod:
		return "pod " + a.Key()
	case cases.DeletePod:
		return "pod " + a.Key()
	case cases.LabelNamespace:
		return "namespace " + a.Name
	case cases.CreateNamespace:
		return "namespace " + a.Name
	case cases.DeleteNamespace:
		return "namespace " + a.Name
	}
	return a.String()
}
