//go:build linux

package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/netassay/netassay/probe/wire"
)

// sender sends one-way streams. All of it runs in its loop.
type sender struct {
	loop    *loop
	out     *outbox
	ports   *portPicker
	streams map[uint64]*stream
}

func newSender(l *loop, out *outbox, seed uint64) *sender {
	return &sender{
		loop: l, out: out, ports: newPortPicker(seed),
		streams: map[uint64]*stream{},
	}
}

// fail answers a request that could not be done.
func (s *sender) fail(request uint64, err error) {
	s.out.send(wire.Event{ID: request, Error: err.Error()})
}

// metronome calls tick by an absolute schedule that the kernel keeps: lateness of one tick
// does not move the next.
type metronome struct {
	loop     *loop
	fd       int
	start    time.Duration
	interval time.Duration
	ticks    uint64 // that have passed
}

// itimerspec is struct itimerspec of timerfd_settime(2).
type itimerspec struct {
	interval, value syscall.Timespec
}

const timerAbsolute = 1 // TFD_TIMER_ABSTIME

// newMetronome ticks at each multiple of interval on the machine's clock: what ticks
// together, here and in other probers, wakes processors once. tick gets the number of ticks
// that have passed since the last call: more than 1 means that the process was late.
func newMetronome(l *loop, interval time.Duration, tick func(passed uint64)) (*metronome, error) {
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, 1, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("timerfd_create", errno)
	}
	m := &metronome{loop: l, fd: int(fd), interval: interval, start: (wire.Now()/interval + 1) * interval}
	spec := itimerspec{
		interval: syscall.NsecToTimespec(int64(interval)),
		value:    syscall.NsecToTimespec(int64(m.start)),
	}
	_, _, errno = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, timerAbsolute, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		_ = syscall.Close(m.fd)
		return nil, os.NewSyscallError("timerfd_settime", errno)
	}
	return m, l.add(m.fd, evIn, func(uint32) {
		var count uint64
		n, err := syscall.Read(m.fd, (*[8]byte)(unsafe.Pointer(&count))[:])
		if err == nil && n == 8 {
			m.ticks += count
			tick(count)
		}
	})
}

// due is when the last tick should have come.
func (m *metronome) due() time.Duration { return m.start + time.Duration(m.ticks-1)*m.interval }

func (m *metronome) stop() { m.loop.close(m.fd) }

// stream is a one-way stream on its way out.
type stream struct {
	spec   wire.Stream
	fd     int
	to     syscall.Sockaddr
	beat   *metronome
	report wire.SenderReport
}

func (s *sender) startStream(request uint64, spec wire.Stream) {
	st, err := s.openStream(spec)
	if err != nil {
		s.fail(request, err)
		return
	}
	s.streams[spec.ID] = st
	s.out.send(wire.Event{ID: request, Started: spec.ID})
}

func (s *sender) openStream(spec wire.Stream) (*stream, error) {
	if s.streams[spec.ID] != nil {
		return nil, fmt.Errorf("stream %d runs already", spec.ID)
	}
	f := familyOf(spec.Addr.Addr())
	fd, err := newSocket(f, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	st := &stream{spec: spec, fd: fd, to: sockaddr(spec.Addr)}
	// Not connected: ICMP errors for earlier datagrams must not eat later ones.
	if spec.From != 0 {
		if err = sharePort(fd); err == nil { // a stream may follow another before that is stopped
			err = bindTo(fd, f, spec.From)
		}
	} else {
		err = bindFresh(fd, f.wildcard(), func() uint16 { return s.ports.next(wire.UDP, spec.Addr) })
	}
	if err == nil {
		st.beat, err = newMetronome(s.loop, spec.Interval, st.tick)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	st.report = wire.SenderReport{Stream: spec.ID, Start: st.beat.start, Local: localAddr(fd), Errors: map[string]uint64{}}
	if local, err := routeTo(spec.Addr); err == nil {
		st.report.Local = netip.AddrPortFrom(local, st.report.Local.Port())
	}
	return st, nil
}

// tick sends one datagram. Of ticks that have passed unused none is made up for: a burst
// says nothing about the time that it should have been spread over.
func (st *stream) tick(passed uint64) {
	r, now := &st.report, wire.Now()
	missed := passed - 1
	d := wire.Datagram{Stream: st.spec.ID, Seq: r.Sent, Bucket: st.spec.Bucket, Blocked: st.spec.Blocked, Answer: st.spec.Answered}
	var buf [64]byte
	switch err := syscall.Sendto(st.fd, d.Append(buf[:0]), 0, st.to); {
	case err == nil:
		r.Sent++
	case st.kept(err):
		missed++
	default:
		r.Sent++
	}
	if missed > 0 {
		r.Missed += missed
		due := st.beat.due()
		gap := wire.Outage{From: due - time.Duration(missed)*st.spec.Interval, To: due, Count: missed}
		r.Outages, r.OutagesBeyond = list(r.Outages, r.OutagesBeyond, gap)
	}
	r.MaxLate = max(r.MaxLate, now-st.beat.due())
	r.End = now
}

// kept counts a send that failed and reports whether the datagram stayed at home for a reason
// that is the sender's own: then its number is used again, or the lack of a buffer would
// look like a loss. A filter's EPERM, or no route, is a loss.
func (st *stream) kept(err error) bool {
	var errno syscall.Errno
	errors.As(err, &errno)
	st.report.Errors[errnoName(errno)]++
	return errno == syscall.EAGAIN || errno == syscall.ENOBUFS || errno == syscall.ENOMEM
}

func list(to []wire.Outage, beyond uint64, o wire.Outage) ([]wire.Outage, uint64) {
	if len(to) >= wire.MaxListed {
		return to, beyond + 1
	}
	return append(to, o), beyond
}

func (s *sender) stopStream(request, id uint64) {
	st := s.streams[id]
	if st == nil {
		s.fail(request, fmt.Errorf("no stream %d", id))
		return
	}
	delete(s.streams, id)
	st.beat.stop()
	_ = syscall.Close(st.fd)
	s.out.send(wire.Event{ID: request, Sent: &st.report})
}
