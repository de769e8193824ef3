package kernel

import (
	"slices"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// step is what a rule of others does with the packets that it matches.
type step struct {
	to    string // its target; "" is none
	leave bool   // for good, by a goto
	text  string
}

func stepOf(spec string) step {
	spec = strings.Clone(spec)
	words := strings.Fields(spec)
	for i, w := range words[:max(0, len(words)-1)] {
		if w == "-j" || w == "-g" {
			return step{to: words[i+1], leave: w == "-g", text: spec}
		}
	}
	return step{text: spec}
}

// Ahead are the rules of others that packets meet before ours and that can let them by: they
// accept, or lead to a chain that does. A jump of ours is never moved, as it would be missing
// meanwhile.
func (k *Kernel) Ahead() []string {
	var out []string
	for _, f := range k.families {
		if known := k.known[f]; known != nil {
			for _, rule := range known.ahead() {
				out = append(out, toolOf(f)+" -t "+render.Table+" -A "+rule)
			}
		}
	}
	return out
}

func toolOf(f model.Family) string { return Auto.xtables(f, "") }

func (t table) ahead() []string {
	var out []string
	for _, from := range sortedKeys(t.others) {
		at := slices.IndexFunc(t.others[from], func(s step) bool { return strings.HasPrefix(s.to, plan.ChainPrefix) })
		for _, s := range t.others[from][:max(0, at)] {
			if builtin(from) && (s.to == "RETURN" || t.passes(s, nil)) {
				out = append(out, from+" "+s.text)
			}
		}
	}
	return out
}

// passes reports whether a rule can end a packet's way through the table without a drop. seen
// are the chains on the way to it. A target that is no chain goes on, or drops.
func (t table) passes(s step, seen []string) bool {
	switch {
	case s.to == "ACCEPT" || s.to == "NFQUEUE" || s.to == "QUEUE":
		return true
	case slices.Contains(seen, s.to) || strings.HasPrefix(s.to, plan.ChainPrefix):
		return false
	case s.leave:
		return true
	}
	return slices.ContainsFunc(t.others[s.to], func(next step) bool { return t.passes(next, append(seen, s.to)) })
}
