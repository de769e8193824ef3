package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrLineTooLong is a line of more than MaxLine bytes.
var ErrLineTooLong = fmt.Errorf("line is longer than %d bytes", MaxLine)

// Encode is v as one line.
func Encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode line: %w", err)
	}
	if len(b) >= MaxLine {
		return nil, ErrLineTooLong
	}
	return append(b, '\n'), nil
}

// Lines cuts what comes of a stream into lines. The zero value is ready.
type Lines struct {
	buf, rest []byte
}

// Add takes what comes next. Lines that were given before are no longer valid.
func (l *Lines) Add(chunk []byte) {
	l.buf = append(l.buf[:copy(l.buf, l.rest)], chunk...)
	l.rest = l.buf
}

// Next is the next line without its newline; ok is false when it has not come to its end yet.
func (l *Lines) Next() (line []byte, ok bool, err error) {
	line, rest, ok := bytes.Cut(l.rest, []byte{'\n'})
	switch {
	case len(line) >= MaxLine:
		return nil, false, ErrLineTooLong
	case !ok:
		return nil, false, nil
	}
	l.rest = rest
	return line, true, nil
}

// Reader reads lines.
type Reader struct {
	r     io.Reader
	chunk []byte
	lines Lines
}

// NewReader reads lines from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, chunk: make([]byte, 64<<10)} }

// Line is the next line without its newline, io.EOF at the end. A last line without a
// newline was cut off by a dying stream: it gives io.ErrUnexpectedEOF.
func (r *Reader) Line() ([]byte, error) {
	for {
		if line, ok, err := r.lines.Next(); ok || err != nil {
			return line, err
		}
		n, err := r.r.Read(r.chunk)
		r.lines.Add(r.chunk[:n])
		switch {
		case n > 0: // an error comes again
		case errors.Is(err, io.EOF) && len(r.lines.rest) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

// DecodeRequest reads a request and checks it.
func DecodeRequest(line []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return Request{}, fmt.Errorf("decode request: %w", err)
	}
	return r, r.check()
}

// DecodeEvent reads an event.
func DecodeEvent(line []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	return e, nil
}

func (r Request) check() error {
	set := 0
	for _, is := range []bool{
		len(r.Probe) > 0, r.Cancel != 0, r.Ping, r.StartStream != nil, r.StopStream != 0,
		r.Collect != 0, r.End,
	} {
		if is {
			set++
		}
	}
	switch {
	case r.ID == 0:
		return errors.New("request without id")
	case set != 1:
		return fmt.Errorf("request %d asks for %d things, want exactly one", r.ID, set)
	case len(r.Probe) > MaxTargets:
		return fmt.Errorf("request %d has %d targets, at most %d are allowed", r.ID, len(r.Probe), MaxTargets)
	case r.StartStream != nil && (r.StartStream.ID == 0 || r.StartStream.Interval <= 0 || !r.StartStream.Addr.IsValid()):
		return fmt.Errorf("request %d: a stream needs id, address and interval", r.ID)
	}
	return nil
}

// formed reports whether the target has what its form needs.
func (t Target) formed() bool {
	switch t.Form {
	case FormForged:
		return (t.Protocol == TCP || t.Protocol == UDP) && t.From.IsValid()
	case FormFragments, FormOptions:
		return t.Protocol == TCP || t.Protocol == UDP
	case FormLinkLocal:
		return (t.Protocol == TCP || t.Protocol == UDP) && t.Addr.Addr().Is6()
	case FormND:
		return t.Protocol == ICMP && t.Addr.Addr().Is6()
	}
	return false
}

// Check is what is wrong with the target, if anything.
func (t Target) Check() error {
	switch {
	case !t.Addr.IsValid() || (t.Addr.Port() == 0) != (t.Protocol == ICMP):
		return fmt.Errorf("bad address %q", t.Addr)
	case t.Addr.Addr().Zone() != "":
		return fmt.Errorf("bad address %q: zones are not supported", t.Addr)
	case t.From.IsValid() && t.From.Is4() != t.Addr.Addr().Is4():
		return fmt.Errorf("bad source %s: of another family than %s", t.From, t.Addr)
	case t.Protocol != TCP && t.Protocol != UDP && t.Protocol != SCTP && t.Protocol != ICMP:
		return fmt.Errorf("bad protocol %q, want TCP, UDP, SCTP or ICMP", t.Protocol)
	case t.Flow != 0 && (t.Protocol != TCP && t.Protocol != UDP || t.Bare || t.From.IsValid()):
		return fmt.Errorf("bad flow, want TCP or UDP, to a prober, from where the machine chooses")
	case t.Form != "" && (!t.formed() || t.Bare || t.Flow != 0):
		return fmt.Errorf("bad form %q of %s, want one that it has, to a prober", t.Form, t.Protocol)
	case t.Size < 0 || t.Size > MaxAsk:
		return fmt.Errorf("bad size %d, want 0 to %d", t.Size, MaxAsk)
	case t.Timeout <= 0:
		return fmt.Errorf("bad timeout %v, want more than 0", t.Timeout)
	}
	return nil
}
