package profile

import (
	"fmt"
	"strings"

	"github.com/netassay/netassay/model"
)

// Profile is a load. The zero value is no load: start from Default, Named or Parse.
type Profile struct {
	Nodes      int            // hollow nodes
	Pods       int            // hollow pods, spread evenly over nodes and namespaces
	Namespaces int            // ns
	Local      int            // real pods: of the engine's node, or of a cluster without hollow ones
	Policies   int            // in all, spread evenly over namespaces
	Ports      int            // ports of each rule; 0 is all ports
	Selectors  int            // peers of a policy whose peers are selectors
	Types      Types          // shares of policies, by direction
	Peers      Peers          // shares of policies, by what their peers are
	CIDRs      int            // ipBlocks of a policy whose peers are ipBlocks
	Except     float64        // excepts per ipBlock; 0.1 gives every tenth block one
	Overlap    float64        // share of ipBlocks that lie inside another of the same policy
	Dedupe     Dedupe         // whether policies share lists of ipBlocks
	Families   model.Families // of pods and ipBlocks; dual blocks are one of each, in turn
	Seed       uint64
}

// Types are shares of policies: their proportions count, not their sum.
type Types struct{ In, Out, Both int }

// Peers are shares of policies by the kind of their peers.
type Peers struct{ Pod, NS, IP int }

// Dedupe reports whether an engine that keeps equal things once has less to keep.
type Dedupe string

// Friendly policies share few lists of ipBlocks; Hostile ones have no block in common.
const (
	Friendly Dedupe = "friendly"
	Hostile  Dedupe = "hostile"
)

// Default is what a line leaves unsaid: the headline size.
func Default() Profile {
	return Profile{
		Nodes: 250, Pods: 20000, Namespaces: 100, Local: 80, Policies: 1000, Ports: 2, Selectors: 2,
		Types: Types{In: 60, Out: 10, Both: 30}, Peers: Peers{Pod: 60, NS: 20, IP: 20},
		CIDRs: 10, Except: 0.1, Overlap: 0.2, Dedupe: Friendly, Families: model.Dual, Seed: 1,
	}
}

// String is the canonical line: every key, in one order. Parse gives the same Profile back.
func (p Profile) String() string {
	var words []string
	for _, k := range profileKeys() {
		words = append(words, k.name+"="+k.show(&p))
	}
	return strings.Join(words, " ")
}

// Parse reads a line of key=value words; what it leaves unsaid is as in Default. A line
// may start with a name of Named, which is then what the words change. An error is one
// line that names the key and the cure.
func Parse(line string) (Profile, error) {
	p := Default()
	words := strings.Fields(line)
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		named, ok := Named()[words[0]]
		if !ok {
			return Profile{}, unknown("profile", words[0], Names())
		}
		p, words = named, words[1:]
	}
	if err := parse(&p, words); err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	if err := p.Check(); err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

// The bounds of a load: those of the address plan and of what one machine can hold.
const (
	MaxNodes = 16384   // networks of 256 addresses in 100.64.0.0/10
	PerNode  = 240     // pods on one node
	MaxLocal = 10_000  // real pods, in a cluster of many real nodes
	MaxCIDRs = 200_000 // of one policy: three times what an API server stores
	// MaxDistinct is how many IPv4 networks there are to draw ipBlocks from, less what
	// churn wants fresh.
	MaxDistinct = 4_000_000
	maxPolicies = 200_000
	// MaxExcept is the room for excepts in one ipBlock.
	MaxExcept = 16
)

// Check refuses what can't be generated, naming the key and the cure.
func (p Profile) Check() error {
	switch {
	case p.Pods > p.Nodes*PerNode:
		return fmt.Errorf("pods=%d: nodes=%d have room for %d, give more nodes", p.Pods, p.Nodes, p.Nodes*PerNode)
	case p.Types.In+p.Types.Out+p.Types.Both == 0:
		return fmt.Errorf("types=%s: all shares are 0, give one a share", showMix(p.Types.shares()))
	case p.Peers.Pod+p.Peers.NS+p.Peers.IP == 0:
		return fmt.Errorf("peers=%s: all shares are 0, give one a share", showMix(p.Peers.shares()))
	case p.Dedupe == Hostile && p.distinct() > MaxDistinct:
		return fmt.Errorf("cidrs=%d: policies=%d with dedupe=hostile need %d different CIDRs, there are %d: give fewer, or dedupe=friendly",
			p.CIDRs, p.Policies, p.distinct(), MaxDistinct)
	}
	return nil
}

// distinct is how many different ipBlocks a hostile load has, at most.
func (p Profile) distinct() int {
	if p.Peers.IP == 0 {
		return 0
	}
	total := p.Peers.Pod + p.Peers.NS + p.Peers.IP
	return (p.Policies*p.Peers.IP/total + 1) * p.CIDRs
}
