package iptsim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxSetName is the longest name of a set.
const maxSetName = 31

// RestoreSets runs the lines of an ipset restore. As with the real one, the lines before a
// failing line have taken effect. exist is its -exist flag: creating what is there alike,
// adding what is in and deleting what is not are then no errors.
func (m *Machine) RestoreSets(r io.Reader, exist bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if err := m.setLine(lines.Text(), exist); err != nil {
			return fmt.Errorf("line %d: %q: %w", n, lines.Text(), err)
		}
	}
	return lines.Err()
}

func (m *Machine) setLine(line string, exist bool) error {
	w, err := words(line)
	if err != nil || len(w) == 0 || strings.HasPrefix(w[0], "#") {
		return err
	}
	if last := w[len(w)-1]; last == "-exist" {
		w, exist = w[:len(w)-1], true
	}
	if len(w) < 2 {
		return errors.New("a command and a set are needed")
	}
	switch w[0] {
	case "create":
		return m.create(w[1], w[2:], exist)
	case "rename":
		return m.rename(w[1:])
	case "swap":
		return m.swap(w[1:])
	}
	s, ok := m.sets[w[1]]
	if !ok {
		return errors.New("there is no such set")
	}
	switch {
	case w[0] == "add" && len(w) == 4 && w[3] == "nomatch":
		return s.addText(w[2], true, exist)
	case w[0] == "add" && len(w) == 3:
		return s.addText(w[2], false, exist)
	case w[0] == "del" && len(w) == 3:
		return s.delText(w[2], exist)
	case w[0] == "flush" && len(w) == 2:
		s.flush()
		return nil
	case w[0] == "destroy" && len(w) == 2:
		return m.destroy(w[1])
	}
	return errors.New("unknown command or wrong number of words")
}

// create reads "create NAME KIND family F hashsize N maxelem N".
func (m *Machine) create(name string, args []string, exist bool) error {
	if len(name) > maxSetName {
		return fmt.Errorf("the name has %d bytes, above %d", len(name), maxSetName)
	}
	s, err := parseSet(args)
	if err != nil {
		return err
	}
	old, has := m.sets[name]
	switch {
	case !has:
		m.sets[name] = s
		return nil
	case !exist:
		return errors.New("the set is there already")
	case old.kind != s.kind || old.family != s.family || old.maxelem != s.maxelem:
		return errors.New("the set is there already with other properties")
	}
	return nil
}

func parseSet(args []string) (*set, error) {
	c := &cursor{words: args}
	kind, err := c.next("a set type")
	if err != nil {
		return nil, err
	}
	if kind != "hash:ip" && kind != "hash:net" && kind != "hash:ip,port" {
		return nil, fmt.Errorf("unknown set type %q", kind)
	}
	s := &set{kind: kind, family: IPv4, maxelem: 65536, members: map[member]bool{}}
	for c.more() {
		if err := s.option(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *set) option(c *cursor) error {
	name, _ := c.next("an option")
	value, err := c.next("the value of " + name)
	if err != nil {
		return err
	}
	switch name {
	case "family":
		if s.family = Family(value); s.family != IPv4 && s.family != IPv6 {
			return fmt.Errorf("unknown family %q", value)
		}
		return nil
	case "hashsize":
		_, err := positive(value)
		return err
	case "maxelem":
		s.maxelem, err = positive(value)
		return err
	}
	return fmt.Errorf("unknown option %q", name)
}

func positive(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a positive number", text)
	}
	return int(n), nil
}

func (s *set) addText(text string, nomatch, exist bool) error {
	e, err := s.parse(text)
	if err != nil {
		return err
	}
	return s.add(e, nomatch, exist)
}

func (s *set) delText(text string, exist bool) error {
	e, err := s.parse(text)
	if err != nil {
		return err
	}
	return s.del(e, exist)
}

func (m *Machine) destroy(name string) error {
	if m.referenced(name) {
		return errors.New("a rule refers to the set")
	}
	delete(m.sets, name)
	return nil
}

// rename fails for a set that a rule refers to, as in the kernel.
func (m *Machine) rename(names []string) error {
	if len(names) != 2 {
		return errors.New("rename takes two names")
	}
	from, to := names[0], names[1]
	s, ok := m.sets[from]
	switch {
	case !ok:
		return errors.New("there is no such set")
	case len(to) > maxSetName:
		return fmt.Errorf("the new name has %d bytes, above %d", len(to), maxSetName)
	case m.sets[to] != nil:
		return errors.New("a set has the new name already")
	case m.referenced(from):
		return errors.New("a rule refers to the set")
	}
	delete(m.sets, from)
	m.sets[to] = s
	return nil
}

// swap exchanges the contents of two sets of one type and family.
func (m *Machine) swap(names []string) error {
	if len(names) != 2 || m.sets[names[0]] == nil || m.sets[names[1]] == nil {
		return errors.New("swap takes two sets")
	}
	a, b := m.sets[names[0]], m.sets[names[1]]
	if a.kind != b.kind || a.family != b.family {
		return errors.New("the sets are of different types")
	}
	m.sets[names[0]], m.sets[names[1]] = b, a
	return nil
}
