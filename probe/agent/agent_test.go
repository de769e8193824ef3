package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/probe/wire"
)

func TestMain(m *testing.M) {
	sandbox.TestMain(m)
}

func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		errno syscall.Errno
		want  wire.Result
	}{
		{syscall.ECONNREFUSED, wire.Refused},
		{syscall.ENOPROTOOPT, wire.Refused},
		{syscall.EPROTO, wire.Refused},
		{syscall.EHOSTUNREACH, wire.Unreachable},
		{syscall.ENETUNREACH, wire.Unreachable},
		{syscall.EACCES, wire.Unreachable},
		{syscall.EMFILE, wire.Inconclusive},
		{syscall.EADDRNOTAVAIL, wire.Inconclusive},
		{syscall.ENOBUFS, wire.Inconclusive},
		{syscall.EINVAL, wire.Inconclusive},
		{syscall.ECONNRESET, wire.Inconclusive},
		{syscall.ETIMEDOUT, wire.Inconclusive},
		{syscall.Errno(0), wire.Inconclusive},
	} {
		got, text := describe("connect", os.NewSyscallError("connect", tc.errno))
		if got != tc.want || !strings.Contains(text, "connect: ") {
			t.Errorf("%v: %s %q, want %s", tc.errno, got, text, tc.want)
		}
	}
	if got, _ := describe("connect", errors.New("no errno at all")); got != wire.Inconclusive {
		t.Errorf("other error: %s", got)
	}
	// No errno at all is ever a drop or a connection.
	for errno := range syscall.Errno(200) {
		if r := classify(errno); r == wire.Dropped || r == wire.Connected {
			t.Errorf("%v is taken for %s", errno, r)
		}
	}
}

func TestSilence(t *testing.T) {
	a := &attempt{deadline: time.Second}
	for _, tc := range []struct {
		late time.Duration
		want wire.Result
	}{
		{0, wire.Dropped}, {maxLate, wire.Dropped}, {maxLate + 1, wire.Inconclusive}, {time.Hour, wire.Inconclusive},
	} {
		if got, text := silence(a, a.deadline+tc.late); got != tc.want || (text != "") != (got == wire.Inconclusive) {
			t.Errorf("%v late: %s %q, want %s", tc.late, got, text, tc.want)
		}
	}
}

// What became of the packets decides what silence means.
func TestSends(t *testing.T) {
	for _, tc := range []struct {
		name string
		errs []error
		want wire.Result
		ends error
	}{
		{"all sent", []error{nil, nil}, wire.Dropped, nil},
		{"filtered at home", []error{syscall.EPERM, syscall.EPERM}, wire.Dropped, nil},
		{"no memory once", []error{syscall.ENOBUFS, nil}, wire.Dropped, nil},
		{"never left", []error{syscall.ENOBUFS, syscall.EAGAIN}, wire.Inconclusive, nil},
		{"refused", []error{nil, syscall.ECONNREFUSED}, wire.Dropped, syscall.ECONNREFUSED},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s sends
			var ends error
			for _, err := range tc.errs {
				ends = errors.Join(ends, s.note(err))
			}
			if !errors.Is(ends, tc.ends) {
				t.Errorf("ended by %v, want %v", ends, tc.ends)
			}
			if got, _ := s.silence(&attempt{deadline: wire.Now()}); got != tc.want {
				t.Errorf("silence is %s, want %s", got, tc.want)
			}
		})
	}
}

// A source port comes back only after all others, per destination.
func TestPortsComeBackLast(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	p := newPortPicker(seed)
	a, b := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("10.0.0.1:81")
	seen := map[uint16]bool{}
	for i := range sourcePorts {
		port := p.next(wire.UDP, a)
		if port < firstSourcePort || seen[port] {
			t.Fatalf("number %d is %d", i, port)
		}
		seen[port] = true
		p.next(wire.UDP, b)
		p.next(wire.SCTP, a)
	}
	if port := p.next(wire.UDP, a); !seen[port] {
		t.Errorf("port %d is out of range", port)
	}
}

func TestPortPickerIsBounded(t *testing.T) {
	p := newPortPicker(1)
	for i := range 2 * maxDestinations {
		p.next(wire.UDP, netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(i)))), 80))
	}
	if len(p.last) > maxDestinations {
		t.Errorf("%d destinations kept", len(p.last))
	}
}

func TestControlMessages(t *testing.T) {
	for _, src := range []string{"10.1.2.3", "fd00::1"} {
		msgs, err := syscall.ParseSocketControlMessage(fromAddr(netip.MustParseAddr(src)))
		if err != nil || len(msgs) != 1 {
			t.Fatalf("%s: %v %+v", src, err, msgs)
		}
		if !bytes.Contains(msgs[0].Data, netip.MustParseAddr(src).AsSlice()) {
			t.Errorf("%s is not in %x", src, msgs[0].Data)
		}
	}
	if fromAddr(netip.Addr{}) != nil {
		t.Error("no address gives a message")
	}
	var oob []byte
	oob = append(oob, controlMessage(syscall.IPPROTO_IPV6, ipv6PktInfo, append(netip.MustParseAddr("fd00::2").AsSlice(), 0, 0, 0, 0))...)
	oob = append(oob, controlMessage(syscall.SOL_SOCKET, soRxqOvfl, binary.NativeEndian.AppendUint32(nil, 77))...)
	stamp := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, 1_700_000_000), 5)
	oob = append(oob, controlMessage(syscall.SOL_SOCKET, soStamp, stamp)...)
	failed := append(binary.NativeEndian.AppendUint32(nil, uint32(syscall.EHOSTUNREACH)), originICMP, 3, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	oob = append(oob, controlMessage(syscall.IPPROTO_IP, ipRecvErr, failed)...)
	want := ancillary{dst: netip.MustParseAddr("fd00::2"), stamp: time.Unix(1_700_000_000, 5), overflow: 77, err: syscall.EHOSTUNREACH, icmp: true}
	if got := parseAncillary(oob); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := parseAncillary([]byte{1, 2, 3}); got != (ancillary{}) {
		t.Errorf("nonsense gives %+v", got)
	}
}

func TestParsePorts(t *testing.T) {
	got, err := ParsePorts("80/tcp,81/udp,65535/SCTP")
	want := []Port{{80, wire.TCP}, {81, wire.UDP}, {65535, wire.SCTP}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for _, bad := range []string{"80", "80/icmp", "0/tcp", "65536/tcp", "x/tcp", "80/tcp,80/tcp", "80/tcp/udp"} {
		if got, err := ParsePorts(bad); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}

func TestMainRefuses(t *testing.T) {
	for _, tc := range []struct {
		args string
		code int
		want string // on standard error, or output when the code is 0
	}{
		{"", 2, `unknown command "", want idle, run or attach; see probe --help`},
		{"runn", 2, `unknown command "runn"`},
		{"run", 2, `bad --name "", want namespace/pod`},
		{"run --name x/a --listen 80", 2, `bad --listen: port "80", want for example 80/tcp`},
		{"run --name x/a --families ipv5", 2, `bad --families: "ipv5", want ipv4 or ipv6`},
		{"run --name x/a extra", 2, `unexpected argument "extra"`},
		{"run --nam x/a", 2, `flag provided but not defined: -nam`},
		{"--help", 0, "probe idle"},
		{"run --help", 0, "probe run --name"},
	} {
		var out, errs strings.Builder
		code := Main(strings.Fields(tc.args), strings.NewReader(""), &out, &errs)
		said := errs.String()
		if tc.code == 0 {
			said = out.String()
		} else if strings.Count(said, "\n") != 1 {
			t.Errorf("%q says more than one line: %s", tc.args, said)
		}
		if code != tc.code || !strings.Contains(said, tc.want) {
			t.Errorf("%q: exit code %d, %q; want %d, %q", tc.args, code, said, tc.code, tc.want)
		}
	}
}

// The whole program over its streams, without any network.
func TestRunByHand(t *testing.T) {
	sandbox.Require(t)
	in := strings.NewReader(`{"id":1,"ping":true}` + "\n" + `{"id":2,"ping":true,"cancel":3}` + "\n" + `{"id":3,"stop_stream":9}` + "\n")
	var out, errs strings.Builder
	if code := Main([]string{"run", "--name", "x/a"}, in, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	said := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		ev, err := wire.DecodeEvent([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		said[fmt.Sprintf("hello:%v id:%d at:%v error:%v", ev.Hello != nil, ev.ID, ev.At > 0, ev.Error != "")] = true
	}
	want := map[string]bool{
		"hello:true id:0 at:false error:false": true,
		"hello:false id:1 at:true error:false": true,
		"hello:false id:2 at:false error:true": true,
		"hello:false id:3 at:false error:true": true,
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestNonsenseEndsTheProber(t *testing.T) {
	sandbox.Require(t)
	var out, errs strings.Builder
	code := Main([]string{"run", "--name", "x/a"}, strings.NewReader("nonsense\n"), &out, &errs)
	if code != 1 || !strings.Contains(errs.String(), "decode request") {
		t.Errorf("exit code %d, %q", code, errs.String())
	}
}

// A harness that does not read costs receipts, counted, and nothing else.
func TestOutboxDropsReceiptsOnly(t *testing.T) {
	o := newOutbox(0)
	receipts := wire.Event{Receipts: make([]wire.Receipt, 100)}
	for len(o.queue) <= wire.MaxQueued {
		o.send(receipts)
	}
	o.send(receipts)
	o.send(wire.Event{ID: 5, At: 1})
	o.close()
	var got strings.Builder
	if err := o.run(&got); err != nil {
		t.Fatal(err)
	}
	if o.lost != 100 || !strings.HasSuffix(got.String(), "{\"id\":5,\"at\":1}\n") {
		t.Errorf("lost %d receipts, the end is %q", o.lost, got.String()[got.Len()-40:])
	}
}

// What is queued while company is awaited goes as one write, and the end waits for nobody.
func TestOutboxGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(10 * time.Millisecond)
		w := &writes{}
		done := make(chan error)
		go func() { done <- o.run(w) }()
		for id := range uint64(3) {
			o.send(wire.Event{ID: id + 1})
			<-time.After(3 * time.Millisecond)
		}
		synctest.Wait()
		if w.n != 0 {
			t.Errorf("%d writes after 9 ms, want none", w.n)
		}
		<-time.After(time.Millisecond)
		synctest.Wait()
		if w.n != 1 {
			t.Errorf("%d writes after 10 ms, want 1", w.n)
		}
		start := time.Now()
		o.send(wire.Event{ID: 4})
		o.close()
		if err := <-done; err != nil || w.n != 2 || time.Since(start) > 0 {
			t.Errorf("closed: %v, %d writes, after %v", err, w.n, time.Since(start))
		}
	})
}

type writes struct{ n int }

func (w *writes) Write(p []byte) (int, error) {
	w.n++
	return len(p), nil
}
