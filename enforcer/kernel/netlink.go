package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// Netlink is a Runner that does without a process what ipset restore does, in the network
// namespace that it was made in, and has another run everything else. Like ipset restore, it
// makes changes in order and none after one that fails. So it sends one message at a time: of
// several in one system call, the kernel would go on with those after one that fails.
type Netlink struct {
	Runner
	mu        sync.Mutex
	socket    *nl.NetlinkSocket
	revisions map[setType]uint8
}

type setType struct {
	kind   plan.SetKind
	family model.Family
}

// patience is for how many seconds an answer is waited for. The kernel gives it at once, but
// for another program that holds its lock.
const patience = 60

// NewNetlink fails where sets can't be changed by netlink; run may be able to, all the same.
func NewNetlink(run Runner) (*Netlink, error) {
	socket, err := nl.Subscribe(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	n := &Netlink{Runner: run, socket: socket, revisions: map[setType]uint8{}}
	_ = socket.SetReceiveTimeout(&unix.Timeval{Sec: patience}) // it is only kept
	if _, err := n.revision(setType{plan.Prefixes, model.IPv4}); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Close ends the connection to the kernel. Sets stay.
func (n *Netlink) Close() { n.socket.Close() }

// Run implements Runner. What it says of a failure has the form that ipset restore gives it.
func (n *Netlink) Run(ctx context.Context, c Command) ([]byte, error) {
	if c.Sets == nil {
		return n.Runner.Run(ctx, c)
	}
	failed := &RunError{Argv: append([]string{"netlink"}, c.Argv...), Err: ctx.Err()}
	if failed.Err != nil {
		return nil, failed
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := &restore{Netlink: n, flags: unix.NLM_F_ACK}
	if !slices.Contains(c.Argv, exist) {
		r.flags |= unix.NLM_F_EXCL
	}
	c.Sets(r)
	r.flush()
	if r.err == nil {
		return nil, nil
	}
	var text strings.Builder
	_ = render.SetText(&text, c.Sets) // a builder takes all
	failed.Stdin = strings.Split(text.String(), "\n")[r.failed-1]
	failed.Stderr = fmt.Sprintf("Error in line %d: %s: %v", r.failed, failed.Stdin, r.err)
	failed.Err = errStopped
	return nil, failed
}

var errStopped = errors.New("stopped")

// newest are the revisions of types that are asked for at most. Every ipset since 2014 can
// print these: one that it can't print hides all others from it.
var newest = [...]uint8{plan.Addresses: 4, plan.Prefixes: 6, plan.AddressPorts: 5, plan.Links: 6}

// revision is the newest of a type that the kernel has too.
func (n *Netlink) revision(t setType) (uint8, error) {
	if r, ok := n.revisions[t]; ok {
		return r, nil
	}
	b := newMessage(nl.IPSET_ATTR_TYPENAME, render.Kind(t.kind))
	b.attr(nl.IPSET_ATTR_FAMILY, addressFamily(t.family))
	answer, err := n.exchange(nl.IPSET_CMD_TYPE, 0, b)
	if err != nil {
		return 0, fmt.Errorf("ask the kernel for sets of type %s: %w", render.Kind(t.kind), err)
	}
	attrs, err := nl.ParseRouteAttrAsMap(answer[min(nl.SizeofNfgenmsg, len(answer)):])
	last := attrs[nl.IPSET_ATTR_REVISION].Value
	if err != nil || len(last) != 1 {
		return 0, fmt.Errorf("ask the kernel for sets of type %s: no revision in the answer", render.Kind(t.kind))
	}
	n.revisions[t] = min(last[0], newest[t.kind])
	return n.revisions[t], nil
}

// exchange sends a message and returns what answers it: nothing when it was done.
func (n *Netlink) exchange(command, flags int, b message) (answer []byte, err error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_IPSET<<8|command, flags)
	req.RawData = b
	if err := n.socket.Send(req); err != nil {
		return nil, fmt.Errorf("send to the kernel: %w", err)
	}
	for {
		answers, _, err := n.socket.Receive()
		if err != nil {
			return nil, fmt.Errorf("receive from the kernel: %w", err)
		}
		for _, m := range answers {
			switch {
			case m.Header.Seq != req.Seq: // to one that was no longer waited for
			case m.Header.Type != unix.NLMSG_ERROR:
				return m.Data, nil
			default:
				return nil, refusal(m.Data)
			}
		}
	}
}

// refused is what the kernel says of a message that it did not do, or only in part.
type refused struct {
	code unix.Errno // or one of ipset's own
	line int        // at which it stopped; 0: it does not say
}

// refusal reads how a message went, nil if it went well. The kernel sends the message back,
// with the line of the member that failed.
func refusal(answer []byte) error {
	const request = 4 + unix.SizeofNlMsghdr + nl.SizeofNfgenmsg
	code := -int32(binary.NativeEndian.Uint32(answer))
	if code == 0 {
		return nil
	}
	r := &refused{code: unix.Errno(code)}
	attrs, _ := nl.ParseRouteAttrAsMap(answer[min(request, len(answer)):])
	if line := attrs[nl.IPSET_ATTR_LINENO].Value; len(line) == 4 {
		r.line = int(binary.NativeEndian.Uint32(line))
	}
	return r
}

func (r *refused) Error() string {
	switch {
	case r.code == unix.ENOENT:
		return "there is no such set"
	case r.code < nl.IPSET_ERR_PRIVATE:
		return r.code.Error()
	case r.code == nl.IPSET_ERR_FIND_TYPE:
		return "the kernel has no sets of this type: it may lack a module"
	case r.code == nl.IPSET_ERR_EXIST:
		return "it is there already, or is not there"
	case r.code == nl.IPSET_ERR_TYPE_SPECIFIC: // of hashes
		return "the set is full"
	}
	return nl.IPSetError(r.code).Error()
}
