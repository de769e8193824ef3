package kernel

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
)

// read learns all that is ours in the kernel, by name: sets of others may be of a revision
// that ipset can't print (https://github.com/projectcalico/calico/issues/4739), so there
// is no listing of them beyond their names.
func (k *Kernel) read(ctx context.Context) (map[plan.Family]*family, error) {
	found := map[plan.Family]*family{}
	for _, f := range families() {
		found[f] = newFamily()
		t, err := k.readTable(ctx, f)
		if err != nil {
			return nil, err
		}
		found[f].adopt(t)
	}
	names, err := k.readSetNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s, err := k.readSet(ctx, name)
		if err != nil {
			return nil, err
		}
		if f := found[s.Family]; f != nil {
			f.sets[name] = s
		}
	}
	return found, nil
}

func (k *Kernel) readTable(ctx context.Context, f plan.Family) (table, error) {
	out, err := k.run.Run(ctx, Command{Argv: []string{k.backend.xtables(f, "save"), "-t", render.Table}})
	if err != nil {
		return table{}, explain(err)
	}
	if strings.Contains(string(out), "is incompatible, use 'nft' tool") {
		return table{}, fmt.Errorf("read table %s of %s: it holds rules that iptables can't read: remove what other tools put into it with nft", render.Table, f)
	}
	return parseTable(string(out)), nil
}

// readSetNames are the names of our sets of both families.
func (k *Kernel) readSetNames(ctx context.Context) ([]string, error) {
	out, err := k.run.Run(ctx, Command{Argv: []string{ipset, "list", "-n"}})
	if err != nil {
		return nil, explain(err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, plan.SetPrefix) {
			names = append(names, strings.Clone(name))
		}
	}
	return names, nil
}

func (k *Kernel) readSet(ctx context.Context, name string) (*set, error) {
	out, err := k.run.Run(ctx, Command{Argv: []string{ipset, "save", name}})
	if err != nil {
		return nil, err
	}
	s, err := parseSet(string(out))
	if err != nil {
		return nil, fmt.Errorf("read set %s: %w", name, err)
	}
	return s, nil
}

// parseSet reads the output of ipset save NAME. A set of a kind that is not used here is
// known by its kind alone: it can only be destroyed.
func parseSet(saved string) (*set, error) {
	s := &set{}
	for line := range strings.Lines(saved) {
		words := strings.Fields(line)
		switch {
		case len(words) >= 3 && words[0] == "create":
			s.header(words[2], words[3:])
		case len(words) >= 3 && words[0] == "add" && s.known():
			m, err := render.ParseMember(s.Kind, words[2])
			if err != nil && !errors.Is(err, render.ErrForeign) {
				return nil, err
			}
			s.Members = append(s.Members, m)
			if err != nil || len(words) > 3 { // a member, or an option of one such as nomatch, that is none of ours
				s.Kind, s.Members = "", nil
			}
		}
	}
	s.Members = sorted(s.Members)
	return s, nil
}

func (s *set) header(kind string, options []string) {
	s.Kind, s.Family = plan.SetKind(strings.Clone(kind)), plan.IPv4
	for i := 0; i+1 < len(options); i++ {
		switch options[i] {
		case "family":
			s.Family = plan.Family(strings.Clone(options[i+1]))
		case "maxelem":
			s.MaxElem, _ = strconv.Atoi(options[i+1])
		}
	}
}

func (s *set) known() bool {
	return s.Kind == plan.HashIP || s.Kind == plan.HashNet || s.Kind == plan.HashIPPort
}
