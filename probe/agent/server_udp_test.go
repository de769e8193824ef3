package agent

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// newListener is a listener on some port of this machine, and a client of it. Nobody runs its
// loop.
func newListener(t *testing.T) (*udpListener, net.Conn) {
	t.Helper()
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(l, newOutbox(0), "server")
	if err := s.listenUDP(ipv4, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(s.udp[0].fd)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp4", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addrPort(sa).Port()).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return s.udp[0], conn
}

func write(t *testing.T, to net.Conn, p []byte) {
	t.Helper()
	if _, err := to.Write(p); err != nil {
		t.Fatal(err)
	}
}

// A prober that has no processor reads a datagram long after it came: what it tells is when
// it came. The kernel begins to note that a moment after the first socket of the machine asks.
func TestArrivalIsTheKernels(t *testing.T) {
	listener, conn := newListener(t)
	const late = 300 * time.Millisecond
	deadline := wire.Now() + 5*time.Second
	for stream := uint64(1); ; stream++ {
		from := wire.Now()
		write(t, conn, wire.Datagram{Stream: stream}.Append(nil))
		to := wire.Now()
		<-time.After(late) // what a busy machine does to a reader
		if !listener.read() {
			t.Fatal("nothing came")
		}
		got := listener.s.streams[stream].tracker.Report()
		// The clocks are read one after the other, and this thread may wait between them.
		if got.Received == 1 && got.FirstAt > from-late/4 && got.FirstAt < to+late/4 {
			return
		}
		if wire.Now() > deadline {
			t.Fatalf("%d arrived, the first at %v; it was sent between %v and %v, and read %v later", got.Received, got.FirstAt, from, to, late)
		}
	}
}

// A stream wakes its receiver once in a while, not for each datagram. Who asks is answered at
// once, and what waits meanwhile is not forgotten.
func TestStreamsWakeSeldom(t *testing.T) {
	listener, conn := newListener(t)
	events := make([]syscall.EpollEvent, 8)
	wakes := func() bool {
		n, err := syscall.EpollWait(listener.s.loop.epfd, events, 0)
		return err == nil && n > 0
	}
	write(t, conn, wire.AppendAsk(nil, 1, 0))
	listener.take()
	write(t, conn, wire.Datagram{Stream: 7}.Append(nil))
	if !wakes() {
		t.Fatal("after an ask nothing wakes it")
	}
	listener.take()
	write(t, conn, wire.Datagram{Stream: 7, Seq: 1}.Append(nil))
	if wakes() {
		t.Error("a stream wakes it for each datagram")
	}
	for deadline := wire.Now() + time.Second; !wakes(); {
		if listener.s.loop.runTimers(); wire.Now() > deadline {
			t.Fatalf("it has not come back after %v", time.Second)
		}
	}
	listener.take()
	if got := listener.s.streams[7].tracker.Report(); got.Received != 2 {
		t.Errorf("%d of 2 arrived", got.Received)
	}
}
