package changeover

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/netassay/netassay/engines"
)

// belongings are what engines make on a node: chains and rules by each of iptables' programs,
// sets, and links that are no pod's.
type belongings struct {
	rules map[string]string // by program, as its -save prints them
	sets  []string
	links []string
}

// programs are iptables of both families and both backends; an engine may use any of them.
func programs() []string {
	return []string{"iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"}
}

// look reads a node's.
func look(ctx context.Context, n engines.Node) (belongings, error) {
	b := belongings{rules: map[string]string{}}
	for _, p := range programs() {
		text, err := output(ctx, n, p+"-save")
		if err != nil {
			return b, err
		}
		b.rules[p] = text
	}
	text, err := output(ctx, n, "ipset", "list", "-name")
	if err != nil {
		return b, err
	}
	b.sets = strings.Fields(text)
	if text, err = output(ctx, n, "ip", "-o", "link"); err != nil {
		return b, err
	}
	b.links = links(text)
	return b, nil
}

// output runs a command in the node's network.
func output(ctx context.Context, n engines.Node, argv ...string) (string, error) {
	var out []byte
	err := n.Do(func() (err error) {
		out, err = exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
		return err
	})
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("run %s on %s: %w", strings.Join(argv, " "), n.Name(), err)
	}
	return string(out), nil
}

// links are the names in what ip prints, without those of pods.
func links(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		fields := strings.SplitN(line, ": ", 3) // 2: eth0@if7: <…>
		if len(fields) < 3 {
			continue
		}
		if name, _, _ := strings.Cut(fields[1], "@"); !strings.HasPrefix(name, "veth") {
			out = append(out, name)
		}
	}
	return out
}

// chains are the names of chains in what iptables-save prints, each after its table.
func chains(text string) []string {
	var out []string
	table := ""
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			name, rest, _ := strings.Cut(line[1:], " ")
			if strings.HasPrefix(rest, "-") { // a chain of somebody's own has no policy
				out = append(out, table+" "+name)
			}
		}
	}
	return out
}

// since are the names that were not there before, by kind.
func (b belongings) since(before belongings) map[string][]string {
	was, is := before.names(), b.names()
	out := map[string][]string{}
	for kind, names := range is {
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(was[kind], n) })
		if len(names) > 0 {
			out[kind] = names
		}
	}
	return out
}

// names are sorted.
func (b belongings) names() map[string][]string {
	out := map[string][]string{"set": slices.Sorted(slices.Values(b.sets)), "link": slices.Sorted(slices.Values(b.links))}
	for _, p := range programs() {
		for _, c := range chains(b.rules[p]) {
			out["chain"] = append(out["chain"], c+" ("+p+")")
		}
	}
	return out
}

// restore makes a node as it was. Rules go before the sets that they name.
func (b belongings) restore(ctx context.Context, n engines.Node) error {
	now, err := look(ctx, n)
	if err != nil {
		return err
	}
	for _, p := range programs() {
		if text := rewind(b.rules[p], now.rules[p]); text != "" {
			if err := n.Run(ctx, text, p+"-restore"); err != nil {
				return err
			}
		}
	}
	gone := now.since(b)
	for range 2 { // the first time, what is a member of another set stays
		left := gone["set"]
		gone["set"] = nil
		for _, name := range left {
			if err := n.Run(ctx, "", "ipset", "destroy", name); err != nil {
				gone["set"] = append(gone["set"], name)
			}
		}
	}
	if left := gone["set"]; len(left) > 0 {
		return fmt.Errorf("take sets away from %s: %s are in use", n.Name(), strings.Join(left, ", "))
	}
	for _, name := range gone["link"] {
		if err := n.Run(ctx, "", "ip", "link", "delete", name); err != nil {
			return err
		}
	}
	return nil
}

// rewind is what restores the rules that were there: the old text, and an empty table for each
// that has come. It is empty when there is nothing to do.
func rewind(before, now string) string {
	if tableText(before) == tableText(now) {
		return ""
	}
	had := tables(before)
	for _, t := range tables(now) {
		if !slices.Contains(had, t) {
			before += "*" + t + "\nCOMMIT\n"
		}
	}
	return before
}

func tables(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "*") {
			out = append(out, strings.TrimSpace(line[1:]))
		}
	}
	return out
}

// tableText is without remarks, which have the time, and without counters.
func tableText(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, ":") {
			line, _, _ = strings.Cut(line, " [")
		}
		if !strings.HasPrefix(line, "#") {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}
