package wire

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var byValue = cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})

func TestRequestRoundTrip(t *testing.T) {
	addr := netip.MustParseAddrPort("[fd00::1]:80")
	for _, want := range []Request{
		{ID: 1, Probe: []Target{{Addr: addr, Protocol: SCTP, From: addr.Addr(), Timeout: time.Second, Nonce: 1<<64 - 1, Bare: true}}},
		{ID: 2, Cancel: 1},
		{ID: 3, Ping: true},
		{ID: 4, End: true},
		{ID: 5, StartStream: &Stream{ID: 5, Addr: addr, Interval: time.Millisecond, Bucket: time.Second, Blocked: true}},
		{ID: 6, StopStream: 5},
		{ID: 7, Collect: 5},
	} {
		line, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRequest(line)
		if d := cmp.Diff(want, got, byValue); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", line, err, d)
		}
	}
}

func TestBadRequests(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{`{`, "decode request"},
		{`{"ping":true}`, "without id"},
		{`{"id":1}`, "asks for 0 things"},
		{`{"id":1,"ping":true,"cancel":2}`, "asks for 2 things"},
		{`{"id":1,"start_stream":{"id":1}}`, "needs id, address and interval"},
		{`{"id":1,"probe":[` + strings.Repeat("{},", MaxTargets) + `{}]}`, "at most 2000"},
		{`{"id":1,"probe":[{"a":"nonsense"}]}`, "decode request"},
	} {
		if _, err := DecodeRequest([]byte(tc.line)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.60s: %v, want %q", tc.line, err, tc.want)
		}
	}
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, tc := range []struct {
		name, in string
		want     []string
		end      error
	}{
		{"nothing", "", nil, io.EOF},
		{"lines", "a\n\nb\n", []string{"a", "", "b"}, io.EOF},
		{"longer than the buffer", long + "\nb\n", []string{long, "b"}, io.EOF},
		{"cut off", "a\nb", []string{"a"}, io.ErrUnexpectedEOF},
		{"cut off in a long line", long, nil, io.ErrUnexpectedEOF},
		{"too long", strings.Repeat("x", MaxLine+1) + "\n", nil, ErrLineTooLong},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := NewReader(strings.NewReader(tc.in))
			var got []string
			for {
				line, err := r.Line()
				if err != nil {
					if !errors.Is(err, tc.end) {
						t.Errorf("ended with %v, want %v", err, tc.end)
					}
					break
				}
				got = append(got, string(line))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("lines (-want +got):\n%s", d)
			}
		})
	}
}

func TestEncodeRefusesLongLines(t *testing.T) {
	if _, err := Encode(Event{Error: strings.Repeat("x", MaxLine)}); !errors.Is(err, ErrLineTooLong) {
		t.Errorf("got %v, want %v", err, ErrLineTooLong)
	}
}

// The longest reports fit into a line.
func TestReportsFit(t *testing.T) {
	const far = 1<<63 - 1
	r := ReceiverReport{From: netip.MustParseAddrPort("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")}
	for range MaxListed {
		r.Buckets = append(r.Buckets, Bucket{Start: far, Received: far, Lost: far, Duplicates: far, First: far, Last: far})
		r.Spans = append(r.Spans, Span{First: far, Last: far, FirstAt: far, LastAt: far})
		r.Leaks = append(r.Leaks, far)
	}
	if _, err := Encode(Event{ID: far, Received: &r}); err != nil {
		t.Error(err)
	}
}

func TestPayloads(t *testing.T) {
	const nonce uint64 = 1<<64 - 1
	ask := string(AppendAsk(nil, nonce, 0))
	for _, tc := range []struct {
		in    string
		nonce uint64
		name  string
		n     int
		ok    bool
	}{
		{ask, nonce, "", 21, true},
		{string(AppendAnswer(nil, nonce, "x/a")), nonce, "x/a", 25, true},
		{ask + "more", nonce, "", 21, true},
		{string(AppendAsk(nil, nonce, 4000)), nonce, "", 4000, true},
		{string(AppendAsk(nil, nonce, 4000)[:3999]), 0, "", 0, true},
		{"NA1 ff\n", 255, "", 7, true},
		{"NA1 ff", 0, "", 0, true},
		{"", 0, "", 0, true},
		{"HTTP/1.1 400 Bad Request\r\n", 0, "", 26, false},
		{"NA1 \n", 0, "", 5, false},
		{"NA1 -1\n", 0, "", 7, false},
		{strings.Repeat("x", MaxAsk), 0, "", 0, false},
	} {
		got, name, n, ok := ParseLine([]byte(tc.in))
		if got != tc.nonce || name != tc.name || n != tc.n || ok != tc.ok {
			t.Errorf("%.40q: %d %q %d %v, want %d %q %d %v", tc.in, got, name, n, ok, tc.nonce, tc.name, tc.n, tc.ok)
		}
	}
	if len(AppendAnswer(nil, nonce, strings.Repeat("x", 63+1+253))) > MaxLinePayload {
		t.Error("the answer of the longest name does not fit")
	}
	want := Datagram{Stream: 1 << 63, Seq: 5, Bucket: time.Second, Blocked: true}
	p := want.Append(nil)
	if got, ok := ParseDatagram(p); !ok || got != want {
		t.Errorf("datagram %+v %v, want %+v", got, ok, want)
	}
	for _, bad := range [][]byte{nil, p[:len(p)-1], append(p, 0), []byte(ask)} {
		if d, ok := ParseDatagram(bad); ok {
			t.Errorf("%q parsed as %+v", bad, d)
		}
	}
}

// Now is the machine's clock, the same for all processes, and runs forward.
func TestNow(t *testing.T) {
	for range 1000 {
		before := rawMonotonic()
		now := Now()
		after := rawMonotonic()
		// The two are tied together once, within some microseconds.
		const tied = 50 * time.Microsecond
		if now < before-tied || now > after+tied {
			t.Fatalf("Now %v, CLOCK_MONOTONIC between %v and %v", now, before, after)
		}
	}
	if first, second := ClockID(), ClockID(); first == "" || first != second {
		t.Errorf("clock id %q, then %q", first, second)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":1,"probe":[{"a":"1.2.3.4:5","p":"TCP","t":1,"n":2}]}`))
	f.Add([]byte(`{"id":1,"obs":[{"i":0,"r":"Connected","s":1,"d":2,"l":"[::1]:5"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := DecodeRequest(line); err == nil {
			again, err := Encode(r)
			if err != nil {
				return
			}
			got, err := DecodeRequest(again)
			if d := cmp.Diff(r, got, byValue, cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Errorf("%q: %v (-want +got):\n%s", line, err, d)
			}
			for _, target := range r.Probe {
				_ = target.Check()
			}
		}
		_, _ = DecodeEvent(line)
	})
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte("NA1 1 x/a\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		nonce, name, n, ok := ParseLine(p)
		if n > len(p) || !ok || n == 0 {
			return
		}
		line := AppendAsk(nil, nonce, 0)
		if name != "" {
			line = AppendAnswer(nil, nonce, name)
		}
		again, name2, _, ok := ParseLine(line)
		if !ok || again != nonce || name2 != name {
			t.Errorf("%q: %d %q, then %d %q", p, nonce, name, again, name2)
		}
	})
}
