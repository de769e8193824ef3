package conformance

import (
	"errors"
	"time"
)

// Sentinel is the time between packets of each flow that is watched all through a run. The
// zero value is the place's own: 1 ms, and 10 ms where pods are containers, whose nodes share a
// machine with all else. It is a pflag.Value.
type Sentinel struct {
	Given bool
	Every time.Duration // 0: no flow is watched
}

// Set reads a duration, 0 for no flow.
func (s *Sentinel) Set(text string) error {
	every, err := time.ParseDuration(text)
	if err == nil && every < 0 {
		err = errors.New("it is a time above 0, or 0 to watch none")
	}
	if err == nil {
		*s = Sentinel{true, every}
	}
	return err
}

// Type is what --help calls the value.
func (*Sentinel) Type() string { return "duration" }

func (s *Sentinel) String() string {
	if !s.Given {
		return ""
	}
	return s.Every.String()
}

// in is the time where pods are containers, or are not.
func (s Sentinel) in(containers bool) time.Duration {
	switch {
	case s.Given:
		return s.Every
	case containers:
		return 10 * time.Millisecond
	}
	return time.Millisecond
}
