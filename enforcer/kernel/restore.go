package kernel

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/enforcer/plan"
)

// longest is how long a message of members may become before it is sent. The kernel sends it
// back whole when one of them fails, and answers of more than 64 KiB are cut.
const longest = 32 << 10

// restore is a render.SetWriter. Neighbouring additions to a set share a message, and so do
// removals. After a change that failed it only counts.
type restore struct {
	*Netlink
	flags int
	line  int // of the last change, from 1

	command int // of the message that members are gathered for; 0: there is none
	set     string
	first   int // its first line
	members message
	end     func() // of its list of members

	failed int // the line that did
	err    error
}

// Create implements render.SetWriter.
func (r *restore) Create(s plan.Set, name string) {
	b := r.next(name)
	revision, err := r.revision(setType{s.Kind, s.Family})
	if err != nil {
		r.fail(r.line, err)
	}
	b.create(s, revision)
	r.send(nl.IPSET_CMD_CREATE, unix.NLM_F_CREATE, r.line, b)
}

// Rename implements render.SetWriter.
func (r *restore) Rename(from, to string) {
	b := r.next(from)
	b.text(nl.IPSET_ATTR_SETNAME2, to)
	r.send(nl.IPSET_CMD_RENAME, 0, r.line, b)
}

// Destroy implements render.SetWriter.
func (r *restore) Destroy(name string) {
	r.send(nl.IPSET_CMD_DESTROY, 0, r.line, r.next(name))
}

// next begins a change that has a message to itself.
func (r *restore) next(set string) message {
	r.flush()
	r.line++
	return newMessage(nl.IPSET_ATTR_SETNAME, set)
}

// Add implements render.SetWriter.
func (r *restore) Add(name string, m plan.Member) { r.member(nl.IPSET_CMD_ADD, name, m) }

// Del implements render.SetWriter.
func (r *restore) Del(name string, m plan.Member) { r.member(nl.IPSET_CMD_DEL, name, m) }

func (r *restore) member(command int, set string, m plan.Member) {
	if r.command != command || r.set != set || len(r.members) > longest {
		r.flush()
		r.command, r.set, r.first, r.members = command, set, r.line+1, newMessage(nl.IPSET_ATTR_SETNAME, set)
		r.members.line(r.first)
		r.end = r.members.nest(nl.IPSET_ATTR_ADT)
	}
	r.line++
	r.members.member(m, r.line)
}

// flush sends the members that were gathered.
func (r *restore) flush() {
	if r.command == 0 {
		return
	}
	r.end()
	r.send(r.command, 0, r.first, r.members)
	r.command = 0
}

func (r *restore) send(command, flags, line int, b message) {
	if r.err != nil {
		return
	}
	_, err := r.exchange(command, r.flags|flags, b)
	var no *refused
	if errors.As(err, &no) && no.line > 0 {
		line = no.line
	}
	r.fail(line, err)
}

func (r *restore) fail(line int, err error) {
	if r.err == nil {
		r.failed, r.err = line, err
	}
}
