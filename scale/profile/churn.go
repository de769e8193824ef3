package profile

import (
	"fmt"
	"strings"
	"time"
)

// Churn is what changes, how fast, and for how long. Rate and Burst are the two shapes: a
// steady stream of changes, or bursts with quiet between them.
type Churn struct {
	Rate    float64       // changes per second, all through; within a burst when Burst is not 0 (0: all at once)
	Burst   int           // changes in a burst; 0 is a steady stream
	Quiet   time.Duration // from the last change of a burst to the first of the next
	For     time.Duration // how long changes fall due
	Mix     Mix           // shares of changes by kind
	Replace float64       // share of a policy's ipBlocks that one edit replaces
	Seed    uint64
}

// Mix are shares of changes by kind.
type Mix struct {
	Replace  int // ipBlocks in place
	Except   int // an except added
	Unexcept int // an except removed
	Rotate   int // a policy deleted, another created
	Recreate int // a policy deleted, the same created again
	PodLabel int // a pod's label changed, and the next time back
	NSLabel  int // a namespace's
	Restart  int // two pods restarted that swap their addresses
}

// DefaultChurn is one change per second for a minute, every kind as often as each other.
func DefaultChurn() Churn {
	return Churn{
		Rate: 1, For: time.Minute, Replace: 0.1, Seed: 1,
		Mix: Mix{Replace: 1, Except: 1, Unexcept: 1, Rotate: 1, Recreate: 1, PodLabel: 1, NSLabel: 1, Restart: 1},
	}
}

// ParseChurn reads a line of key=value words; what it leaves unsaid is as in DefaultChurn.
func ParseChurn(line string) (Churn, error) {
	c := DefaultChurn()
	if err := parse(&c, churnKeys(), strings.Fields(line)); err != nil {
		return Churn{}, fmt.Errorf("churn: %w", err)
	}
	if err := c.Check(); err != nil {
		return Churn{}, fmt.Errorf("churn: %w", err)
	}
	return c, nil
}

// String is the canonical line: every key, in one order.
func (c Churn) String() string {
	var words []string
	for _, k := range churnKeys() {
		words = append(words, k.name+"="+k.show(&c))
	}
	return strings.Join(words, " ")
}

// Check refuses what never changes anything, or never ends.
func (c Churn) Check() error {
	total := 0
	for _, s := range c.Mix.shares() {
		total += *s.n
	}
	switch {
	case total == 0:
		return fmt.Errorf("mix=%s: all shares are 0, give one a share", showMix(c.Mix.shares()))
	case c.Burst == 0 && c.Rate == 0:
		return fmt.Errorf("rate=0: nothing would ever change, give a rate or a burst")
	case c.Burst > 0 && c.Quiet == 0:
		return fmt.Errorf("burst=%d: bursts need quiet between them, give quiet=10s", c.Burst)
	}
	return nil
}

// Shares are the shares of the mix by the names in a line, in their order.
func (m Mix) Shares() (names []string, weights []int) {
	for _, s := range m.shares() {
		names, weights = append(names, s.name), append(weights, *s.n)
	}
	return names, weights
}

func (m *Mix) shares() []share {
	return []share{
		{"replace", &m.Replace},
		{"except", &m.Except},
		{"unexcept", &m.Unexcept},
		{"rotate", &m.Rotate},
		{"recreate", &m.Recreate},
		{"podlabel", &m.PodLabel},
		{"nslabel", &m.NSLabel},
		{"restart", &m.Restart},
	}
}

func churnKeys() []key[Churn] {
	return []key[Churn]{
		number("rate", func(c *Churn) *float64 { return &c.Rate }, 0, 10_000),
		whole("burst", func(c *Churn) *int { return &c.Burst }, 0, 100_000),
		span("quiet", func(c *Churn) *time.Duration { return &c.Quiet }, 0, time.Hour),
		span("for", func(c *Churn) *time.Duration { return &c.For }, time.Millisecond, 24*time.Hour),
		mix("mix", func(c *Churn) []share { return c.Mix.shares() }),
		number("replace", func(c *Churn) *float64 { return &c.Replace }, 0, 1),
		seedKey(func(c *Churn) *uint64 { return &c.Seed }),
	}
}
