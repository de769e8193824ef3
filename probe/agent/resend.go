//go:build linux

package agent

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// A packet that stays unanswered is sent again, as any user's would be: first after a
// sixteenth of the timeout, then after twice as long each time. One packet can get lost
// without any policy, and a filter that drops only the first of a flow denies nothing.
const (
	resendAfter = 16 // one part in that many of the timeout
	maxWait     = 250 * time.Millisecond
	maxResends  = 5
)

// thoroughShare is the share of connections, one in that many, that send a third SYN: a filter
// may give way later than at the second packet, and a socket more for each is too dear.
const thoroughShare = 8

// answerShare is how much of the timeout, one part in that many, must be left for the
// answer to a packet that is sent again: the silence after a later one proves nothing.
const answerShare = 8

// sends keeps count of what became of a probe's packets, all of one flow.
type sends struct {
	gone  int    // accepted by the kernel
	eaten int    // refused with EPERM: how a local packet filter drops
	other string // the last other error that says nothing about the path
}

// packets is how many met a packet filter, at home or on their way.
func (s *sends) packets() int { return s.gone + s.eaten }

// transmit sends the probe's first packet, and others until something comes back.
func (a *attempt) transmit() {
	a.protocol.send(a)
	wait := a.target.Timeout / resendAfter
	if a.thorough() {
		wait /= 2
	}
	a.resend(min(wait, maxWait), maxResends)
}

// thorough reports whether the attempt is one of those connections that send three SYNs to
// somebody silent, and these as early as others send two.
func (a *attempt) thorough() bool {
	return a.target.Protocol == wire.TCP && a.target.Nonce%thoroughShare == 1
}

// resend has the packet sent again after wait, unless the attempt is over by then, or it is
// too late for an answer.
func (a *attempt) resend(wait time.Duration, left int) {
	latest := a.deadline - a.target.Timeout/answerShare
	next := wire.Now() + wait
	if a.over || left == 0 || next > latest {
		return
	}
	a.at(next, func() {
		if wire.Now() <= latest {
			a.protocol.send(a)
		}
		a.resend(2*wait, left-1)
	})
}

// note counts one send; it returns the error when it ends the probe.
func (s *sends) note(err error) error {
	switch {
	case err == nil:
		s.gone++
	case errors.Is(err, syscall.EPERM):
		s.eaten++
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		s.other = err.Error()
	default:
		return err
	}
	return nil
}

// silence is the result when nothing came back. Packets that never left prove nothing;
// those that a filter on the own machine dropped were dropped.
func (s *sends) silence(a *attempt) (wire.Result, string) {
	r, text := silence(a, wire.Now())
	switch {
	case r != wire.Dropped:
	case s.packets() == 0:
		return wire.Inconclusive, "nothing could be sent: " + s.other
	case s.eaten > 0:
		text = fmt.Sprintf("send: %v (EPERM) %d times: dropped on the own machine", syscall.EPERM, s.eaten)
	}
	return r, text
}
