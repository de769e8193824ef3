package iptsim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxChainName is the longest name of a chain.
const maxChainName = 28

// declaration is ":CHAIN - [0:0]", or with a policy for a built-in chain.
var declaration = regexp.MustCompile(`^:(\S+) (-|ACCEPT) \[\d+:\d+\]$`)

// RestoreRules runs an iptables-restore --noflush for a family. Everything up to a COMMIT
// takes effect as a whole or, on an error, not at all.
func (m *Machine) RestoreRules(f Family, r io.Reader) error {
	tx := &transaction{machine: m, family: f}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if err := tx.line(lines.Text()); err != nil {
			return fmt.Errorf("line %d: %q: %w", n, lines.Text(), err)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if tx.open != nil {
		return errors.New("the text ends without COMMIT")
	}
	return nil
}

// transaction is the work between *mangle and COMMIT, on a copy of the table.
type transaction struct {
	machine *Machine
	family  Family
	open    table // nil outside of a transaction
}

func (tx *transaction) line(text string) error {
	switch {
	case text == "" || text[0] == '#':
		return nil
	case text[0] == '*':
		return tx.begin(text[1:])
	case tx.open == nil:
		return errors.New("outside of a table")
	case text == "COMMIT":
		return tx.commit()
	case text[0] == ':':
		return tx.declare(text)
	}
	w, err := words(text)
	if err != nil {
		return err
	}
	return tx.command(&cursor{words: w})
}

func (tx *transaction) begin(name string) error {
	if tx.open != nil {
		return errors.New("the table before is not committed")
	}
	if name != "mangle" {
		return errors.New("unknown table")
	}
	tx.open = maps.Clone(tx.machine.tables[tx.family])
	return nil
}

// declare creates a chain, or flushes it. With --noflush a built-in chain keeps its rules.
func (tx *transaction) declare(text string) error {
	parts := declaration.FindStringSubmatch(text)
	if parts == nil {
		return errors.New("not a chain declaration")
	}
	name, policy := parts[1], parts[2]
	old, has := tx.open[name]
	if has && old.builtin {
		if policy != "ACCEPT" {
			return errors.New("a built-in chain needs a policy")
		}
		return nil
	}
	if policy != "-" {
		return errors.New("only a built-in chain has a policy")
	}
	if len(name) > maxChainName {
		return fmt.Errorf("the chain's name has %d bytes, above %d", len(name), maxChainName)
	}
	if strings.HasPrefix(name, "-") || strings.HasPrefix(name, "!") || isTarget(name) {
		return fmt.Errorf("%q cannot be a chain's name", name)
	}
	tx.open[name] = &chain{}
	return nil
}

func (tx *transaction) command(c *cursor) error {
	verb, err := c.next("a command")
	if err != nil {
		return err
	}
	name, err := c.next("a chain")
	if err != nil {
		return err
	}
	old, ok := tx.open[name]
	if !ok {
		return errors.New("there is no such chain")
	}
	switch verb {
	case "-A", "-I", "-D":
		return tx.edit(verb, name, old, c)
	case "-F", "-X":
		if c.more() {
			return errors.New("words are left over")
		}
		if verb == "-F" {
			tx.open[name] = &chain{builtin: old.builtin}
			return nil
		}
		return tx.remove(name, old)
	}
	return fmt.Errorf("unknown command %q", verb)
}

// edit appends, inserts ahead of the others or deletes one rule.
func (tx *transaction) edit(verb, name string, old *chain, c *cursor) error {
	r, err := tx.machine.parseRule(tx.family, c)
	if err != nil {
		return err
	}
	rules := slices.Clone(old.rules)
	switch verb {
	case "-A":
		rules = append(rules, r)
	case "-I":
		rules = slices.Insert(rules, 0, r)
	case "-D":
		at := slices.IndexFunc(rules, func(o rule) bool { return o.text == r.text })
		if at < 0 {
			return errors.New("there is no such rule")
		}
		rules = slices.Delete(rules, at, at+1)
	}
	tx.open[name] = &chain{builtin: old.builtin, rules: rules}
	return nil
}

func (tx *transaction) remove(name string, c *chain) error {
	if c.builtin || len(c.rules) > 0 {
		return errors.New("only an empty chain of one's own can be deleted")
	}
	for _, other := range tx.open {
		if slices.ContainsFunc(other.rules, func(r rule) bool { return r.target == name }) {
			return errors.New("a rule jumps to the chain")
		}
	}
	delete(tx.open, name)
	return nil
}

// commit checks the table as a whole and puts it in place.
func (tx *transaction) commit() error {
	for name, c := range tx.open {
		for _, r := range c.rules {
			if !isTarget(r.target) && tx.open[r.target] == nil {
				return fmt.Errorf("chain %s: rule %q: there is no target %q", name, r.text, r.target)
			}
		}
	}
	if err := tx.open.checkLoops(); err != nil {
		return err
	}
	tx.machine.tables[tx.family] = tx.open
	tx.open = nil
	return nil
}

// checkLoops refuses a table in which a packet could run for ever: one of which chains are
// left when those that lead to no other are taken away, over and over.
func (t table) checkLoops() error {
	left := maps.Clone(t)
	for n := 0; n != len(left); {
		n = len(left)
		maps.DeleteFunc(left, func(_ string, c *chain) bool {
			return !slices.ContainsFunc(c.rules, func(r rule) bool { return left[r.target] != nil })
		})
	}
	if len(left) > 0 {
		return fmt.Errorf("chain %s leads back to itself, or to one that does", slices.Min(slices.Collect(maps.Keys(left))))
	}
	return nil
}
