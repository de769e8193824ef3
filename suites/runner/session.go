package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// Session is a run whose cases are asked for one by one. Whoever asks chooses which cases
// are played, and when; how they are played and judged is the same as in Run, which is a
// session that asks for all of them.
//
// Config.Cases are those that may be asked for. Close reports the ones that never were as
// Unfinished; see Skip and Forget for the other reasons not to ask.
type Session struct {
	cases     []cases.Case
	keep      bool    // leave the fixture in the cluster
	resumed   *v1.Run // Config.Resumed
	ledger    *ledger
	config    Config
	sentinels *sentinels // nil: none
	stage     *stage
	slots     chan struct{}       // one per fixture set that may be at work
	shares    *semaphore.Weighted // of the cluster; one per fixture set that may be at work
	free      chan *fixtureSet    // standing ones that no case is at work in
}

// Open checks cfg and prepares a session. It touches nothing in the cluster.
func Open(cfg Config) (*Session, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Session{
		cases: cfg.Cases, keep: cfg.Keep, resumed: cfg.Resumed,
		config: cfg, ledger: newLedger(cfg), stage: newStage(cfg), slots: make(chan struct{}, cfg.Parallel), shares: semaphore.NewWeighted(int64(cfg.Parallel)),
		free: make(chan *fixtureSet, cfg.Parallel),
	}, nil
}

// Run runs the cases and returns everything that was found, also when it was cancelled or
// ended early: what was not finished is marked so. The error says that the run itself
// could not go on; the cases that it kept from running are Unfinished.
func Run(ctx context.Context, cfg Config) (*v1.Run, error) {
	s, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	err = s.playAll(ctx)
	if err == nil {
		err = ctx.Err()
	}
	return s.Close(ctx), err
}

// Start makes in the cluster what all cases share. It is called once, before Play; the
// error says that no case can be played.
func (s *Session) Start(ctx context.Context) error {
	report := s.ledger.report
	s.ledger.tell(Event{Kind: RunStarted, Total: s.ledger.total, Order: report.Order})
	var err error
	if s.ledger.total > 0 {
		report.Kubernetes, report.Kernel, err = s.stage.survey(ctx)
	}
	if err == nil && s.ledger.total > 0 {
		err = continues(s.resumed, &report.RunConditions)
	}
	s.ledger.begin()
	if err != nil || s.ledger.total == 0 {
		return err
	}
	if err := s.stage.startControls(ctx, nodeListens(s.cases)); err != nil {
		return err
	}
	if err := s.stage.startWorld(ctx, s.cases); err != nil {
		return err
	}
	if prober := s.stage.withoutRaw(); prober != "" {
		for _, f := range []cases.Feature{cases.SCTP, cases.RawPackets} {
			s.ledger.skip(f, fmt.Sprintf("needs raw packets (NET_RAW) for the feature %s, which prober %s can't send", f, prober))
		}
	}
	if s.config.Sentinel > 0 {
		s.sentinels = s.stage.newSentinels(ctx, s.config, s.ledger.found)
	}
	return nil
}

// Order is the names of the cases that can run here, in the order that Config.Seed gives.
// Those of Config.Cases that are not in it are Skipped or NotSupported.
func (s *Session) Order() []string { return slices.Clone(s.ledger.report.Order) }

// Add lets a case be asked for that Config.Cases did not have, and whose name no other has. It
// may need no more of the nodes than those do. It is safe to call from several goroutines.
func (s *Session) Add(c cases.Case) { s.ledger.enqueue(c) }

// Hurry gives steps a quarter of their deadline, or all of it again. No case may be at work.
func (s *Session) Hurry(on bool) {
	s.stage.timing.Deadline = s.config.Timing.Deadline
	if on {
		s.stage.timing.Deadline /= 4
	}
}

// Play plays the case of that name, in a fixture set that is free, for which it waits while
// Config.Parallel others are at work. It is safe to call from several goroutines. A case
// that can't run here, that was played before, or that may not begin any more because the
// run was stopped, is not played: the result says why. The error says that the cluster
// could not hold a fixture, or that the session has no such case.
func (s *Session) Play(ctx context.Context, name string) (v1.Case, error) {
	known, err := s.ledger.known(ctx, name)
	if err != nil || known.Outcome != "" {
		return known, err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
	}
	result, ok, err := s.playOne(ctx, name)
	if !ok {
		return s.ledger.known(ctx, name)
	}
	return result, err
}

// Skip keeps cases that are not begun yet from being played, for that reason: Close
// reports them as Skipped.
func (s *Session) Skip(reason string) { s.ledger.stop(reason) }

// Forget takes out of the session what was never asked for, as if Config.Cases had not
// had it.
func (s *Session) Forget() { s.ledger.forget() }

// Close removes what the session made in the cluster and returns everything that was found.
// No case is at work any more when it is called. A ctx that is done makes the cases that
// were never begun say so; it does not keep Close from cleaning up, which takes a bounded
// time.
func (s *Session) Close(ctx context.Context) *v1.Run {
	if s.sentinels != nil {
		s.ledger.sentinel(s.sentinels.finish(ctx))
	}
	report := s.ledger.close(ctx)
	for s.retire(ctx) {
	}
	if err := s.stage.close(ctx, s.keep); err != nil {
		s.ledger.trouble("clean up: %v", err)
	}
	report.Finished = time.Now().UTC()
	return report
}

// playAll asks for all cases, in their order.
func (s *Session) playAll(ctx context.Context) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	var g errgroup.Group
	for range min(cap(s.slots), s.ledger.total) {
		g.Go(func() error {
			defer s.beside(ctx, cases.Case{}, func() { s.retire(ctx) })
			for {
				if _, ok, err := s.playOne(ctx, ""); !ok || err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// playOne plays the queued case of that name, the next one when it is "". It is not ok when
// there is none, or when none may begin any more.
func (s *Session) playOne(ctx context.Context, name string) (result v1.Case, ok bool, err error) {
	c, ok := s.ledger.take(ctx, name)
	if !ok {
		return v1.Case{}, false, nil
	}
	s.beside(ctx, c, func() {
		var a *fixtureSet
		if result, a, err = s.play(ctx, s.pick(), s.config.by(c)); a != nil {
			s.free <- a // never more than may be at work
		}
	})
	s.ledger.end(result)
	return result, true, err
}

// pick is a free fixture set, nil when a new one has to be made.
func (s *Session) pick() *fixtureSet {
	select {
	case a := <-s.free:
		return a
	default:
		return nil
	}
}

// retire removes a free fixture set, without waiting until it is gone. It returns false when
// there is none.
func (s *Session) retire(ctx context.Context) bool {
	a := s.pick()
	if a == nil {
		return false
	}
	s.discard(ctx, a)
	return true
}
