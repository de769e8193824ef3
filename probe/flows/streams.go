package flows

import (
	"context"
	"errors"
	"sync"

	"github.com/netassay/netassay/probe"
)

// Streams are running one-way streams.
type Streams struct {
	fleet Fleet
	flows []Flow
	ids   []probe.StreamID
}

// Watched is a flow and what came of its stream.
type Watched struct {
	Flow   Flow
	Report probe.StreamReport
}

// Start starts a stream like the given one in each of the flows. When one can't be started,
// those that were are stopped.
func Start(ctx context.Context, fleet Fleet, flows []Flow, like probe.Stream) (*Streams, error) {
	s := &Streams{fleet: fleet}
	return s, s.Start(ctx, flows, like)
}

// Start starts more streams, beside those that run. When one can't be started, all are
// stopped.
func (s *Streams) Start(ctx context.Context, flows []Flow, like probe.Stream) error {
	for _, f := range flows {
		like.Addr, like.From, like.Answered = f.Addr, f.From, f.Established
		id, err := s.fleet.StartStream(ctx, f.Client, like)
		if err != nil {
			_, stopErr := s.Stop(context.WithoutCancel(ctx))
			return errors.Join(err, stopErr)
		}
		s.flows, s.ids = append(s.flows, f), append(s.ids, id)
	}
	return nil
}

// Stop stops all streams and gives what came of each, in the order of their start. With an
// error, some reports say less than all or nothing. None run then; stopping again is
// harmless, also of a nil Streams.
func (s *Streams) Stop(ctx context.Context) ([]Watched, error) {
	if s == nil {
		return nil, nil
	}
	out, errs := make([]Watched, len(s.ids)), make([]error, len(s.ids))
	var wg sync.WaitGroup
	for i, id := range s.ids { // each waits for what is still on its way
		wg.Go(func() {
			out[i].Flow = s.flows[i]
			out[i].Report, errs[i] = s.fleet.StopStream(ctx, id)
		})
	}
	wg.Wait()
	s.flows, s.ids = nil, nil
	return out, errors.Join(errs...)
}
