package hnssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Endpoint is an endpoint with its ACLs.
type Endpoint struct{ acls []acl }

// acl is one, read.
type acl struct {
	allow, in     bool
	protocol      int // 0: any
	local, remote []netip.Prefix
	localPorts    []span
	remotePorts   []span
	priority      int
}

type span struct{ first, last int }

// Packet is what ACLs look at in a packet, as the endpoint sees it.
type Packet struct {
	In                    bool
	Protocol              int // IANA's number
	Local, Remote         netip.Addr
	LocalPort, RemotePort int
}

// text is an ACL as it is written.
type text struct {
	Protocols, Action, Direction, LocalAddresses, RemoteAddresses, LocalPorts, RemotePorts, RuleType string

	Priority int
}

// Read reads the policies of an endpoint. What the service would refuse is an error.
func Read(data []byte) (*Endpoint, error) {
	var document struct {
		Policies []struct {
			Type     string
			Settings text
		}
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&document); err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	e := &Endpoint{}
	for i, p := range document.Policies {
		a, err := p.Settings.read()
		if err == nil && p.Type != "ACL" {
			err = fmt.Errorf("type %q is none of an endpoint's filters", p.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("read policy %d: %w", i, err)
		}
		e.acls = append(e.acls, a)
	}
	return e, nil
}

func (t text) read() (a acl, err error) {
	a.allow, a.in, a.priority = t.Action == "Allow", t.Direction == "In", t.Priority
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	if !a.allow && t.Action != "Block" || !a.in && t.Direction != "Out" || t.RuleType != "Switch" || a.priority < 1 {
		note(fmt.Errorf("action %q, direction %q, rule type %q, priority %d: one of them is none", t.Action, t.Direction, t.RuleType, t.Priority))
	}
	if t.Protocols != "" {
		a.protocol, err = strconv.Atoi(t.Protocols)
		note(err)
	}
	for _, list := range []struct {
		text string
		into *[]netip.Prefix
	}{{t.LocalAddresses, &a.local}, {t.RemoteAddresses, &a.remote}} {
		for _, one := range fields(list.text) {
			p, err := netip.ParsePrefix(one)
			note(err)
			*list.into = append(*list.into, p)
		}
	}
	for _, list := range []struct {
		text string
		into *[]span
	}{{t.LocalPorts, &a.localPorts}, {t.RemotePorts, &a.remotePorts}} {
		for _, one := range fields(list.text) {
			s, err := readSpan(one)
			note(err)
			*list.into = append(*list.into, s)
		}
	}
	if len(a.localPorts)+len(a.remotePorts) > 0 && a.protocol == 0 {
		note(errors.New("ports without a protocol"))
	}
	return a, errors.Join(errs...)
}

func fields(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func readSpan(s string) (span, error) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	a, err := strconv.Atoi(first)
	if err != nil {
		return span{}, err
	}
	b, err := strconv.Atoi(last)
	if err == nil && (a < 1 || b < a || b > 65535) {
		err = fmt.Errorf("%q is no range of ports", s)
	}
	return span{a, b}, err
}

// Passes reports whether a packet passes.
func (e *Endpoint) Passes(p Packet) bool {
	best := -1
	for i, a := range e.acls {
		if !a.matches(p) {
			continue
		}
		if best < 0 || a.priority < e.acls[best].priority || a.priority == e.acls[best].priority && !a.allow {
			best = i
		}
	}
	return best >= 0 && e.acls[best].allow
}

func (a acl) matches(p Packet) bool {
	return a.in == p.In && (a.protocol == 0 || a.protocol == p.Protocol) &&
		holds(a.local, p.Local) && holds(a.remote, p.Remote) && spans(a.localPorts, p.LocalPort) && spans(a.remotePorts, p.RemotePort)
}

func holds(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return len(list) == 0
}

func spans(list []span, port int) bool {
	for _, s := range list {
		if s.first <= port && port <= s.last {
			return true
		}
	}
	return len(list) == 0
}
