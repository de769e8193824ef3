package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// read learns all that is ours in the kernel, by name: sets of others may be of a revision
// that ipset can't print (https://github.com/projectcalico/calico/issues/4739), so there
// is no listing of them beyond their names.
func (k *Kernel) read(ctx context.Context) (map[model.Family]*family, error) {
	found := map[model.Family]*family{}
	for _, f := range k.families {
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
	for batch := range slices.Chunk(names, readBatch) {
		sets, err := k.readSets(ctx, batch)
		if err != nil {
			return nil, err
		}
		for name, s := range sets {
			if f := found[s.Family]; f != nil {
				f.sets[name] = s
			}
		}
	}
	return found, nil
}

func (k *Kernel) readTable(ctx context.Context, f model.Family) (table, error) {
	out, err := k.run.Run(ctx, Command{Argv: []string{k.backend.xtables(f, "-save"), "-t", render.Table}})
	if err != nil {
		return table{}, explain(err)
	}
	if strings.Contains(string(out), "is incompatible, use 'nft' tool") {
		return table{}, fmt.Errorf("read table %s of %s: it holds rules that iptables can't read: remove what other tools put into it with nft", render.Table, f)
	}
	return parseTable(string(out)), nil
}

// readChain reads one chain of ours, which must be there.
func (k *Kernel) readChain(ctx context.Context, f model.Family, name plan.ChainName) (chain, error) {
	out, err := k.run.Run(ctx, Command{Argv: []string{k.backend.xtables(f, ""), "-w", lockWait, "-t", render.Table, "-S", string(name)}})
	if err != nil { // for lack of the chain, one build of iptables says that it is incompatible
		return chain{}, fmt.Errorf("read back chain %s of %s: %w", name, f, err)
	}
	return parseTable(string(out)).chains[name], nil
}

// readSetNames are the names of our sets of both families.
func (k *Kernel) readSetNames(ctx context.Context) ([]string, error) {
	out, err := k.run.Run(ctx, Command{Argv: []string{ipset, "list", "-n"}})
	if err != nil {
		return nil, explain(err)
	}
	var names []string
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, plan.SetPrefix) {
			names = append(names, strings.Clone(name))
		}
	}
	return names, nil
}

// readBatch is how many sets one ipset reads: a process for each would cost more than all
// the rest, and the text of all at once would take more memory than they do.
const readBatch = 64

// prompt is what ipset prints ahead of each line that it reads as a command.
const prompt = "ipset> "

// readSets reads the sets of these names. It is all or nothing.
func (k *Kernel) readSets(ctx context.Context, names []string) (map[string]*set, error) {
	out, err := k.run.Run(ctx, Command{
		Argv: []string{ipset, "-"}, Strict: true,
		Stdin: func(w io.Writer) error {
			_, err := io.WriteString(w, "save "+strings.Join(names, "\nsave ")+"\n")
			return err
		},
	})
	if err != nil {
		return nil, explain(err)
	}
	return parseSets(string(out), names)
}

// parseSets reads what ipset prints of several sets, one after the other.
func parseSets(saved string, names []string) (map[string]*set, error) {
	saved = strings.ReplaceAll(saved, prompt, "")
	sets := make(map[string]*set, len(names))
	for len(saved) > 0 {
		end := strings.Index(saved, "\ncreate ") + 1
		if end == 0 {
			end = len(saved)
		}
		name, s, err := parseSet(saved[:end])
		saved = saved[end:]
		if err != nil {
			return nil, fmt.Errorf("read set %s: %w", name, err)
		}
		sets[strings.Clone(name)] = s
	}
	for _, name := range names {
		if sets[name] == nil {
			return nil, fmt.Errorf("read set %s: missing from the output of ipset", name)
		}
	}
	return sets, nil
}

// parseSet reads what ipset saves of one set. A set of a kind that is not used here is
// known by its kind alone: it can only be destroyed.
func parseSet(saved string) (name string, s *set, err error) {
	s = &set{}
	for line := range strings.Lines(saved) {
		words := strings.Fields(line)
		switch {
		case len(words) >= 3 && words[0] == "create":
			name = words[1]
			s.header(words[2], words[3:])
		case len(words) >= 3 && words[0] == "add" && s.known():
			m, err := render.ParseMember(s.Kind, words[2])
			if err != nil && !errors.Is(err, render.ErrForeign) {
				return name, nil, err
			}
			s.Members = append(s.Members, m)
			if err != nil || len(words) > 3 { // a member, or an option of one such as nomatch, that is none of ours
				s.Kind, s.Members = 0, nil
			}
		}
	}
	s.Members = sorted(s.Members)
	return name, s, nil
}

func (s *set) header(kind string, options []string) {
	s.Kind, s.Family = render.ParseKind(kind), model.IPv4
	for i := 0; i+1 < len(options); i++ {
		switch options[i] {
		case "family":
			s.Family = render.ParseFamily(options[i+1])
		case "maxelem":
			s.MaxElem, _ = strconv.Atoi(options[i+1])
		}
	}
}

func (s *set) known() bool { return s.Kind != 0 }
