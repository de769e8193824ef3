package runner

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// Selection chooses cases. Empty lists choose everything.
type Selection struct {
	Cases        []string // names or globs (path.Match) of cases; any of them
	Features     []string // cases that have any of these features
	SkipFeatures []string // but none of these
}

// Select returns the cases that s chooses, in the order of all. The error names a case or
// feature that does not exist and the nearest that do, or says that nothing is left.
func Select(all []cases.Case, s Selection) ([]cases.Case, error) {
	if err := s.check(all); err != nil {
		return nil, err
	}
	var chosen []cases.Case
	for _, c := range all {
		if s.chooses(c) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no case is left: --case, --feature and --skip-feature together exclude all %d", len(all))
	}
	return chosen, nil
}

func (s Selection) chooses(c cases.Case) bool {
	return (len(s.Cases) == 0 || slices.ContainsFunc(s.Cases, func(glob string) bool { return matches(glob, c.Name) })) &&
		(len(s.Features) == 0 || hasAny(c, s.Features)) && !hasAny(c, s.SkipFeatures)
}

func (s Selection) check(all []cases.Case) error {
	features := cases.FeatureNames()
	for _, glob := range s.Cases {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("case pattern %q: %w", glob, err)
		}
		if err := knownCase(glob, all); err != nil {
			return err
		}
	}
	for _, f := range slices.Concat(s.Features, s.SkipFeatures) {
		if !slices.Contains(features, f) {
			return suggest.Unknown("feature", f, features)
		}
	}
	return nil
}

func matches(glob, name string) bool {
	ok, err := path.Match(glob, name)
	return err == nil && ok
}

func hasAny(c cases.Case, features []string) bool {
	return slices.ContainsFunc(features, func(f string) bool { return c.HasFeature(cases.Feature(f)) })
}

// shuffled is a copy of all in an order that depends on the seed and on nothing else.
func shuffled(all []cases.Case, seed uint64) []cases.Case {
	order := slices.SortedFunc(slices.Values(all), func(a, b cases.Case) int { return cmp.Compare(a.Name, b.Name) })
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return lonelyLast(order)
}

// conditions are what decides whether a case can run at all.
type conditions struct {
	nodes       int
	families    []model.Family        // that the cluster's pods have
	unsupported []engines.Unsupported // what the engine lacks and has an excuse for
	restricted  bool                  // what pods may do
	outside     bool                  // there are hosts outside of the cluster
	addresses   bool                  // pods get the addresses that they ask for
	ownPorts    bool                  // there are no node ports but of Services that a case creates
	restarts    map[cases.Part]restart
}

// judged are the families that the engine has no excuse for lacking.
func (k conditions) judged() []model.Family {
	return slices.DeleteFunc(slices.Clone(k.families), func(f model.Family) bool {
		return slices.ContainsFunc(k.unsupported, func(u engines.Unsupported) bool { return u.Family == f })
	})
}

// without reports whether the engine has an excuse for lacking a feature.
func (k conditions) without(f cases.Feature) bool {
	return slices.ContainsFunc(k.unsupported, func(u engines.Unsupported) bool { return u.Feature == string(f) })
}

// lacks finds what the engine has an excuse for lacking of what c needs.
func (k conditions) lacks(c cases.Case) (engines.Unsupported, bool) {
	judged := k.judged()
	for _, u := range k.unsupported {
		needed := c.HasFeature(cases.Feature(u.Feature))
		if u.Family != "" {
			needed = slices.Contains(k.families, u.Family) && (len(judged) == 0 || c.HasFeature(cases.DualStack))
		}
		if needed {
			return u, true
		}
	}
	return engines.Unsupported{}, false
}

// triage reports whether a case can run here, and why it can't.
func (k conditions) triage(c cases.Case) (outcome v1.Outcome, reason string, ok bool) {
	if u, lacks := k.lacks(c); lacks {
		return v1.NotSupported, u.String(), false
	}
	onHost := c.Makes(func(p cases.Pod) bool { return p.HostNetwork })
	switch {
	case (len(c.Nodes) > 0 || c.DialsNodePorts() || onHost) && k.nodes < cases.FixtureNodes:
		return v1.Skipped, fmt.Sprintf("needs %d nodes, the cluster has %d", cases.FixtureNodes, k.nodes), false
	case k.ownPorts && c.DialsNodePorts() && !c.OpensNodePorts():
		return v1.Skipped, "dials node ports of the pods' own Services, which have none here unless --paths asks for them", false
	case len(c.World) > 0 && !k.outside:
		return v1.Skipped, "needs hosts outside of the cluster, which only the lab has", false
	case !k.addresses && c.Makes(func(p cases.Pod) bool { return p.AddressOf+string(p.Family) != "" }):
		return v1.Skipped, "needs pods that get the address of one that is gone, or of one family only, as on the lab they can", false
	case k.restarts[cases.Engine] == nil && c.Restarts(cases.Engine):
		return v1.Skipped, "kills the engine's agents, which must be processes of the harness, as on the lab they are", false
	case k.restarts[cases.APIServer] == nil && c.Restarts(cases.APIServer):
		return v1.Skipped, "kills the API server, which only the lab's can be", false
	case c.HasFeature(cases.DualStack) && len(k.families) < 2:
		return v1.Skipped, "needs two IP families, the cluster's pods have one", false
	case k.restricted && onHost:
		return v1.Skipped, "needs a pod in the network of its node, which the restricted standard forbids", false
	case k.restricted && c.HasFeature(cases.SCTP):
		return v1.Skipped, "needs raw packets (NET_RAW) for SCTP, which restricted pods can't send", false
	case k.restricted && c.HasFeature(cases.RawPackets):
		return v1.Skipped, "needs raw packets (NET_RAW), which restricted pods can't send", false
	case k.restricted && slices.Contains(c.Nodes, cases.NodeServer):
		return v1.Skipped, "needs a port below 1024 of the nodes themselves, which restricted pods can't open", false
	}
	return "", "", true
}
