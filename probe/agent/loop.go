//go:build linux

package agent

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/netassay/netassay/probe/wire"
)

// Epoll flags that package syscall lacks or has with the wrong sign.
const (
	evIn   = uint32(syscall.EPOLLIN)
	evOut  = uint32(syscall.EPOLLOUT)
	evErr  = uint32(syscall.EPOLLERR)
	evHup  = uint32(syscall.EPOLLHUP)
	evEdge = uint32(1 << 31)
)

// maxDrain bounds how many batches of socket events are handled before timers get a turn.
const maxDrain = 64

// loop is an event loop: sockets, timers and functions posted by others, all run by one
// goroutine. Only post may be called from elsewhere.
type loop struct {
	epfd, wakeFD int
	handlers     map[int32]registration
	generation   int32
	timers       timerHeap
	eachTurn     []func() // run at the end of each turn
	idle         int      // brief waits in vain, lately

	mu      sync.Mutex
	inbox   []func()
	stopped bool
}

// registration is who handles a descriptor. Descriptors are reused at once by the kernel,
// and an event of an old owner must not reach the new one: hence the generation.
type registration struct {
	generation int32
	ready      func(events uint32)
}

func newLoop() (*loop, error) {
	epfd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	wake, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return nil, fmt.Errorf("create eventfd: %w", errno)
	}
	l := &loop{epfd: epfd, wakeFD: int(wake), handlers: map[int32]registration{}}
	return l, l.add(l.wakeFD, evIn, func(uint32) {
		var buf [8]byte
		_, _ = syscall.Read(l.wakeFD, buf[:])
	})
}

// post has fn run by the loop soon. It never blocks.
func (l *loop) post(fn func()) {
	l.mu.Lock()
	l.inbox = append(l.inbox, fn)
	first := len(l.inbox) == 1
	l.mu.Unlock()
	if first {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = syscall.Write(l.wakeFD, one[:])
	}
}

// stop ends run after what has been posted.
func (l *loop) stop() { l.post(func() { l.stopped = true }) }

// add has ready called with the events of fd.
func (l *loop) add(fd int, events uint32, ready func(events uint32)) error {
	l.generation++
	ev := syscall.EpollEvent{Events: events, Fd: int32(fd), Pad: l.generation}
	if err := syscall.EpollCtl(l.epfd, syscall.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("watch descriptor: %w", err)
	}
	l.handlers[int32(fd)] = registration{generation: l.generation, ready: ready}
	return nil
}

// rest leaves what comes to fd where it is for so long.
func (l *loop) rest(fd int, d time.Duration) {
	l.want(fd, 0)
	l.at(wire.Now()+d, func() { l.want(fd, evIn) })
}

func (l *loop) want(fd int, events uint32) {
	ev := syscall.EpollEvent{Events: events, Fd: int32(fd), Pad: l.handlers[int32(fd)].generation}
	_ = syscall.EpollCtl(l.epfd, syscall.EPOLL_CTL_MOD, fd, &ev) // fails when it is closed by now
}

// close forgets and closes fd.
func (l *loop) close(fd int) {
	delete(l.handlers, int32(fd))
	_ = syscall.Close(fd)
}

// run turns until stop.
func (l *loop) run() {
	events := make([]syscall.EpollEvent, 256)
	for !l.stopped {
		l.drain(events)
		l.runInbox()
		l.runTimers()
		for _, fn := range l.eachTurn {
			fn()
		}
		runtime.Gosched() // what is to be written goes out before the loop waits
	}
	for fd := range l.handlers {
		_ = syscall.Close(int(fd))
	}
	_ = syscall.Close(l.epfd)
}

// drain waits for something to do, then handles all events that are there: timers must
// not be looked at while an answer waits in a socket.
func (l *loop) drain(events []syscall.EpollEvent) {
	wait := l.patience()
	for range maxDrain {
		n, err := l.wait(events, wait)
		if errors.Is(err, syscall.EINTR) {
			return
		}
		for _, ev := range events[:max(n, 0)] {
			if r, ok := l.handlers[ev.Fd]; ok && r.generation == ev.Pad {
				r.ready(ev.Events)
			}
		}
		if n < len(events) {
			return
		}
		wait = 0
	}
}

const (
	// brief is how long the loop waits, in milliseconds, without the runtime being told: less
	// than the 10 ms after which that wonders why a goroutine does not yield.
	brief = 8
	// awake is how many such waits in vain come before one of which it is told.
	awake = 12
)

// wait is epoll_wait for at most ms milliseconds, -1 for ever; it may return sooner with nothing.
// At the end of each system call that blocks, the runtime wakes the thread that watches over the
// others, which then looks around every 20 µs for a while: for who is woken every few milliseconds
// that took a fifth of all time. So the runtime is told of a wait only by a prober that had
// nothing to do lately.
func (l *loop) wait(events []syscall.EpollEvent, ms int) (n int, err error) {
	if l.idle == awake {
		l.idle = 0
		return syscall.EpollWait(l.epfd, events, ms)
	}
	short := brief
	if ms >= 0 {
		short = min(ms, brief)
	}
	r, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epfd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(short), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if l.idle++; r > 0 {
		l.idle = 0
	}
	return int(r), nil
}

// patience is how long to wait in milliseconds, -1 for ever.
func (l *loop) patience() int {
	if len(l.timers) == 0 {
		return -1
	}
	d := l.timers[0].at - wire.Now()
	return int(max(0, (d+time.Millisecond-1)/time.Millisecond))
}

func (l *loop) runInbox() {
	l.mu.Lock()
	fns := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

func (l *loop) runTimers() {
	now := wire.Now()
	for len(l.timers) > 0 && l.timers[0].at <= now {
		if t := heap.Pop(&l.timers).(*timer); t.fire != nil {
			t.fire()
		}
	}
}

// at has fire called at the given time or soon after.
func (l *loop) at(at time.Duration, fire func()) *timer {
	t := &timer{at: at, fire: fire}
	heap.Push(&l.timers, t)
	return t
}

// timer is a call to come. A cancelled one stays in the heap until its time.
type timer struct {
	at   time.Duration
	fire func()
}

// cancel makes the timer do nothing; a nil timer is fine.
func (t *timer) cancel() {
	if t != nil {
		t.fire = nil
	}
}

type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(*timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}
