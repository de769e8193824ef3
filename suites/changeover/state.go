package changeover

import (
	"fmt"
	"slices"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/suites/steady/account"
)

// state is what the newest connections say of each node. It is not safe for concurrent use.
type state struct {
	by    index
	nodes map[string]*nodeState
}

// nodeState is by the newest connection of each flow of a node that must be denied.
type nodeState struct {
	denied map[flows.Flow]bool
	told   string
	since  time.Duration
}

// What is said of a node.
const (
	closed = "policies are enforced"
	part   = "some of what policies deny is open"
	open   = "policies present, nothing enforced"
)

func newState(by index) *state {
	s := &state{by: by, nodes: map[string]*nodeState{}}
	for f, w := range by {
		if !w.drop {
			continue
		}
		if s.nodes[w.node] == nil {
			s.nodes[w.node] = &nodeState{denied: map[flows.Flow]bool{}, told: closed}
		}
		s.nodes[w.node].denied[f] = true
	}
	return s
}

// see takes a new connection, and says in one line when its node has become another than it was.
func (s *state) see(in account.Segment, f flows.Flow, blocked bool, o probe.Observation) (line string, news bool) {
	if !blocked || o.Result == probe.Inconclusive {
		return "", false
	}
	w := s.by[f]
	n := s.nodes[w.node]
	n.denied[f] = !in.Wrong(blocked, o)
	now := n.says()
	if now == n.told {
		return "", false
	}
	line = fmt.Sprintf("%s: %s", w.node, now)
	if n.since != 0 {
		line += fmt.Sprintf(" (%q for %.1f s)", n.told, max(0, o.Done-n.since).Seconds())
	}
	n.told, n.since = now, max(n.since, o.Done)
	return line, true
}

func (n *nodeState) says() string {
	var of []bool
	for _, d := range n.denied {
		of = append(of, d)
	}
	switch {
	case !slices.Contains(of, false):
		return closed
	case slices.Contains(of, true):
		return part
	}
	return open
}
