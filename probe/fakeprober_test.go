package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// fake is a prober made by the test: it says hello, and its clock is off.
type fake struct {
	net.Conn
	hello wire.Hello
	skew  time.Duration
	on    func(wire.Request) []wire.Event
}

func (k fake) dial(t *testing.T) Dial {
	t.Helper()
	return func(context.Context) (io.ReadWriteCloser, error) {
		ours, theirs := net.Pipe()
		k.Conn = theirs
		go k.serve(t)
		return ours, nil
	}
}

func (k fake) serve(t *testing.T) {
	t.Helper()
	defer k.Close()
	k.say(t, wire.Event{Hello: &k.hello})
	for lines := wire.NewReader(k.Conn); ; {
		line, err := lines.Line()
		if err != nil {
			return
		}
		r, err := wire.DecodeRequest(line)
		if err != nil {
			t.Errorf("request %s: %v", line, err)
			return
		}
		if r.Ping {
			k.say(t, wire.Event{ID: r.ID, At: Now() + k.skew})
			continue
		}
		events := k.on(r)
		if events == nil {
			return
		}
		for _, ev := range events {
			k.say(t, ev)
		}
	}
}

func (k fake) say(t *testing.T, ev wire.Event) {
	t.Helper()
	line, err := wire.Encode(ev)
	if err != nil {
		t.Error(err)
	}
	_, _ = k.Write(line) // the fleet may have hung up
}

func hello(name string) wire.Hello {
	return wire.Hello{Version: wire.Version, Name: name, Clock: "another machine's"}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	old := hello("x/a")
	old.Version = 99
	for _, tc := range []struct {
		name  string
		hello wire.Hello
		want  string
	}{
		{"version", old, "speaks version 99"},
		{"name", hello("x/b"), `called "x/b", want "x/a"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := NewFleet()
			err := f.Add(t.Context(), "x/a", fake{hello: tc.hello}.dial(t))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if !Unfit(err) {
				t.Errorf("%v: is worth another try", err)
			}
			if f.Err("x/a") == nil {
				t.Error("the prober was added all the same")
			}
		})
	}
}

// Times of a prober on another machine become ours, within the error that is told.
func TestClockIsTranslated(t *testing.T) {
	t.Parallel()
	const skew = 42 * time.Hour
	f := NewFleet()
	var sent time.Duration
	k := fake{hello: hello("x/a"), skew: skew, on: func(r wire.Request) []wire.Event {
		sent = Now()
		return []wire.Event{{ID: r.ID, Observations: []wire.Observation{{Result: Connected, Sent: sent + skew, Done: sent + skew + time.Millisecond}}}}
	}}
	must(t, f.Add(t.Context(), "x/a", k.dial(t)))
	defer f.Close()
	c, ok := f.Clock("x/a")
	if off := c.Offset + skew; !ok || c.Shared || off > c.Error || off < -c.Error || c.Error > time.Second {
		t.Errorf("clock %+v, want an offset of %v within its error", c, -skew)
	}
	obs, err := f.Probe(t.Context(), "x/a", []Target{{}})
	must(t, err)
	if off := obs[0].Sent - sent; off > c.Error || off < -c.Error || obs[0].Done != obs[0].Sent+time.Millisecond {
		t.Errorf("sent at %v, told as %+v, clock %+v", sent, obs[0], c)
	}
}

func TestOffset(t *testing.T) {
	for _, tc := range []struct {
		sent, theirs, got time.Duration
		want              Clock
	}{
		{100, 100, 100, Clock{}},
		{100, 1000, 110, Clock{Offset: -895, Error: 5}},
		{100, 0, 111, Clock{Offset: 105, Error: 6}},
	} {
		if got := offset(tc.sent, tc.theirs, tc.got); got != tc.want {
			t.Errorf("offset(%d, %d, %d) = %+v, want %+v", tc.sent, tc.theirs, tc.got, got, tc.want)
		}
	}
}

// Whatever a prober answers, each target has exactly one observation.
func TestAnswersGoWrong(t *testing.T) {
	t.Parallel()
	ob := func(i int) wire.Observation { return wire.Observation{Index: i, Result: Connected} }
	for _, tc := range []struct {
		name string
		on   func(wire.Request) []wire.Event
		want []Result
	}{
		{"hangs up", func(wire.Request) []wire.Event { return nil }, []Result{Inconclusive, Inconclusive}},
		{"answers one, then gives up", func(r wire.Request) []wire.Event {
			return []wire.Event{{ID: r.ID, Observations: []wire.Observation{ob(1)}}, {Error: "tired"}}
		}, []Result{Inconclusive, Connected}},
		{"answers twice and beside", func(r wire.Request) []wire.Event {
			again := wire.Observation{Index: 0, Result: Dropped}
			return []wire.Event{{ID: r.ID, Observations: []wire.Observation{ob(0), again, ob(7), ob(-1), ob(1)}}}
		}, []Result{Connected, Connected}},
		{"refuses", func(r wire.Request) []wire.Event {
			return []wire.Event{{ID: r.ID, Error: "no"}}
		}, []Result{Inconclusive, Inconclusive}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := NewFleet()
			must(t, f.Add(t.Context(), "x/a", fake{hello: hello("x/a"), on: tc.on}.dial(t)))
			defer f.Close()
			obs, err := f.Probe(t.Context(), "x/a", []Target{{Cell: 1}, {Cell: 2}})
			must(t, err)
			for i, o := range obs {
				if o.Cell != i+1 || o.Result != tc.want[i] || (o.Result == Inconclusive && o.Err == "") {
					t.Errorf("got %+v, want %s", o, tc.want[i])
				}
			}
		})
	}
}

// A receiver that read the packet when the deadline was there may have been starved, or the
// packet was long on its way. Of a packet that was sent twice the first counts.
func TestSilenceIsDoubted(t *testing.T) {
	const done = time.Second
	for _, tc := range []struct {
		protocol string
		at       time.Duration
		want     Result
	}{
		{wire.UDP, done - 100*time.Millisecond, Dropped},
		{wire.UDP, done - time.Millisecond, Inconclusive},
		{wire.UDP, done + time.Millisecond, Inconclusive},
		{wire.SCTP, done, Inconclusive},
		{wire.TCP, done - 100*time.Millisecond, Dropped},
		{wire.TCP, done - time.Millisecond, Inconclusive},
	} {
		o := Observation{Result: Dropped, Done: done, Protocol: tc.protocol, To: netip.MustParseAddrPort("192.0.2.2:80"), Nonce: 7}
		evidence := wire.Receipt{Nonce: 7, Protocol: tc.protocol, At: tc.at}
		if tc.protocol == wire.TCP { // a SYN carries no nonce
			o.Local, o.LocalPort, o.Nonce = netip.MustParseAddr("192.0.2.1"), 4711, 8
			evidence = wire.Receipt{Protocol: tc.protocol, From: netip.MustParseAddrPort("192.0.2.1:4711"), To: o.To.Addr(), Port: 80, At: tc.at}
		}
		again := evidence
		again.At = done
		f := NewFleet()
		f.book.add("x/b", func(at time.Duration) time.Duration { return at }, []wire.Receipt{evidence, again})
		if err := f.Late(o); (err != nil) != (tc.want == Inconclusive) {
			t.Errorf("%s read at %v: late: %v", tc.protocol, tc.at, err)
		}
		doubtSilence(&o, Receipt{Protocol: tc.protocol, At: tc.at})
		if o.Result != tc.want || (tc.want == Inconclusive) != (o.Err != "") {
			t.Errorf("%s read at %v: %+v, want %s", tc.protocol, tc.at, o, tc.want)
		}
	}
}

// A prober that is asked to end has said so when End returns; of one that is not there End
// says that.
func TestEnd(t *testing.T) {
	t.Parallel()
	f := NewFleet()
	defer f.Close()
	var asked []wire.Request
	must(t, f.Add(t.Context(), "x/a", fake{hello: hello("x/a"), on: func(r wire.Request) []wire.Event {
		asked = append(asked, r)
		return []wire.Event{{ID: r.ID, At: Now()}}
	}}.dial(t)))
	must(t, f.End(t.Context(), "x/a"))
	if len(asked) != 1 || !asked[0].End {
		t.Errorf("asked for %+v, want the end", asked)
	}
	if err := f.End(t.Context(), "x/b"); err == nil {
		t.Error("no error of a prober that is not there")
	}
}
