package iptsim

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
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
	if strings.Contains(line, `"`) {
		return errors.New("a quote")
	}
	if len(w) < 2 {
		return errors.New("a command and a set are needed")
	}
	switch w[0] {
	case "create":
		return m.create(w[1], w[2:], exist)
	case "rename":
		return m.rename(w[1:])
	}
	s, ok := m.sets[w[1]]
	if !ok {
		return errors.New("there is no such set")
	}
	switch {
	case w[0] == "add" && len(w) == 3:
		return s.add(w[2], exist)
	case w[0] == "del" && len(w) == 3:
		return s.del(w[2], exist)
	case w[0] == "flush" && len(w) == 2:
		clear(s.members)
		clear(s.links)
		s.lengths = [129]int{}
		return nil
	case w[0] == "destroy" && len(w) == 2:
		return m.destroy(w[1])
	}
	return errors.New("unknown command or wrong number of words")
}

// properties are those of a set, of which the real tool takes more.
var properties = regexp.MustCompile(`^(hash:ip|hash:net|hash:ip,port|hash:net,iface)(?: family (inet6?))?(?: hashsize [1-9]\d*)?(?: maxelem ([1-9]\d{0,9}))?$`)

// create reads "create NAME TYPE family F hashsize N maxelem N".
func (m *Machine) create(name string, args []string, exist bool) error {
	if len(name) > maxSetName {
		return fmt.Errorf("the name has %d bytes, above %d", len(name), maxSetName)
	}
	p := properties.FindStringSubmatch(strings.Join(args, " "))
	if p == nil {
		return errors.New("unknown set type or option")
	}
	s := &set{kind: p[1], family: cmp.Or(Family(p[2]), IPv4), maxelem: 65536, members: map[member]struct{}{}, links: map[netip.Prefix]int{}}
	if p[3] != "" {
		s.maxelem, _ = strconv.Atoi(p[3])
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
