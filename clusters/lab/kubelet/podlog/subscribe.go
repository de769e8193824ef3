package podlog

// Chunk is a piece of live output.
type Chunk struct {
	Stream string // "stdout" or "stderr"
	Data   []byte
}

// Subscription is live output from the moment of Subscribe on. C is closed at the end of
// the log, by Cancel, and when its reader falls too far behind.
type Subscription struct {
	C   chan Chunk
	log *Log
}

// backlog is how many chunks a subscriber may fall behind.
const backlog = 1024

// Subscribe starts live output.
func (l *Log) Subscribe() *Subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub := &Subscription{C: make(chan Chunk, backlog), log: l}
	if l.closed {
		close(sub.C)
		return sub
	}
	l.subs[sub] = struct{}{}
	return sub
}

// Cancel ends the subscription.
func (s *Subscription) Cancel() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.drop(s)
}

func (l *Log) drop(s *Subscription) {
	if _, ok := l.subs[s]; ok {
		delete(l.subs, s)
		close(s.C)
	}
}

func (l *Log) publish(stream string, data []byte) {
	if len(l.subs) == 0 {
		return
	}
	chunk := Chunk{Stream: stream, Data: append([]byte(nil), data...)}
	for sub := range l.subs {
		select {
		case sub.C <- chunk:
		default:
			l.drop(sub)
		}
	}
}
