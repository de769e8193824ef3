package chaos

import (
	"math/rand/v2"
	"time"
)

// schedule is what is done to whom after which pause, all of it drawn from the seed before
// anything is done. Each list has a stream of numbers of its own: more of one fault moves
// no other.
type schedule struct {
	kills, terms []ending
	recreates    []recreation
	edits        []time.Duration // pauses after each edit, where edits come alone
	drifts       []drift
	outage       int        // the agent that is killed while the API server is stopped
	pace         *rand.Rand // of the edits beside other faults, which are as many as there is time for
}

// ending is the end of an agent.
type ending struct {
	pause   time.Duration // before it
	agent   int
	settled bool          // it must be in sync first; else it may be hit while it starts
	then    time.Duration // and run for so long in sync
}

// recreation is for how long a policy is gone, and there again.
type recreation struct{ gone, there time.Duration }

// drift destroys rules at some instant between two checks of the agent.
type drift struct {
	pause time.Duration
	sets  bool // the sets are emptied; else the chains are flushed
}

// draw draws a schedule for so many agents.
func draw(seed uint64, s Sizes, agents int, verify time.Duration) schedule {
	return schedule{
		kills: endings(source(seed, 1), s.Kills, agents), terms: endings(source(seed, 2), s.Terms, agents),
		recreates: each(source(seed, 3), s.Recreates, func(r *rand.Rand, _ int) recreation {
			return recreation{upTo(r, 150*time.Millisecond), upTo(r, 150*time.Millisecond)}
		}),
		edits: each(source(seed, 4), s.Edits, func(r *rand.Rand, _ int) time.Duration {
			return 20*time.Millisecond + upTo(r, 300*time.Millisecond)
		}),
		drifts: each(source(seed, 5), s.Drifts, func(r *rand.Rand, i int) drift {
			return drift{upTo(r, verify), i%2 == 1}
		}),
		outage: source(seed, 6).IntN(agents),
		pace:   source(seed, 7),
	}
}

func source(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

func endings(r *rand.Rand, n, agents int) []ending {
	return each(r, n, func(r *rand.Rand, _ int) ending {
		e := ending{pause: upTo(r, 700*time.Millisecond), agent: r.IntN(agents), settled: r.IntN(2) == 0}
		if e.settled {
			e.then = upTo(r, 300*time.Millisecond)
		}
		return e
	})
}

func each[T any](r *rand.Rand, n int, one func(r *rand.Rand, i int) T) []T {
	var out []T
	for i := range n {
		out = append(out, one(r, i))
	}
	return out
}

func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
