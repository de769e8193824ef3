package wire

import (
	"bufio"
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

// Reader reads lines.
type Reader struct {
	r *bufio.Reader
}

// NewReader reads lines from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Line is the next line without its newline, io.EOF at the end. A last line without a
// newline was cut off by a dying stream: it gives io.ErrUnexpectedEOF.
func (r *Reader) Line() ([]byte, error) {
	var long []byte
	for {
		part, err := r.r.ReadSlice('\n')
		if len(long)+len(part) > MaxLine {
			return nil, ErrLineTooLong
		}
		switch {
		case err == nil && long == nil:
			return part[:len(part)-1], nil
		case err == nil:
			long = append(long, part...)
			return long[:len(long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
		case errors.Is(err, io.EOF) && len(long)+len(part) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
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
	case t.Size < 0 || t.Size > MaxAsk:
		return fmt.Errorf("bad size %d, want 0 to %d", t.Size, MaxAsk)
	case t.Timeout <= 0:
		return fmt.Errorf("bad timeout %v, want more than 0", t.Timeout)
	}
	return nil
}
