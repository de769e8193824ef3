package scenarios

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/model"
)

// TestScenario21LargeSets: an ipBlock of more than 65,536 prefixes, and 70,000 pods that a
// peer selects. All are in the kernel, to the last.
//
// Source: kube-router's and ipset's default maxelem of 65536.
//
// Level: real kernel, both backends; read back by a stranger.
//
// Lab: not on the lab: 70,000 pods are more than an API server on two cores can hold beside the rest.
func TestScenario21LargeSets(t *testing.T) {
	onBackends(t, func(t *testing.T, b kernel.Backend) {
		const many = 70_000
		s := world()
		s.Policies = []*netv1.NetworkPolicy{blocks("x/blocks", singles("172.16.0.0", many)...)}
		s = with(t, s, "x/peers", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}`)
		a := netip.MustParseAddr("10.128.0.0")
		for i := range many {
			s.Pods = append(s.Pods, model.Pod{Namespace: "y", Name: fmt.Sprint("more", i), Node: "far", IPs: []netip.Addr{a}})
			a = a.Next()
		}
		r := inside{newNS(t)}
		start := time.Now()
		enforce(t, kernel.New(kernel.Options{Backend: b, Runner: r}), s)
		t.Logf("synced in %s", time.Since(start))
		holds(t, r, b, s)
		large, sizes := 0, map[string]int{}
		for name := range strings.FieldsSeq(run(t, r, "ipset list -n", "")) {
			n := strings.Count(run(t, r, "ipset save "+name, ""), "\nadd ")
			sizes[name] = n
			if n >= many {
				large++
			}
		}
		if large != 2 {
			t.Errorf("%d sets hold %d members or more, want blocks and peers: %v", large, many, sizes)
		}
	})
}

// TestScenario39SetsAreReplacedWithoutSwap: a hundred replacements of a set of a thousand
// members, timed. No swap, which some kernels take a thousand times longer for, and no
// list:set, whose destruction races.
//
// Source: kernel commits 97f7cf1cd80e and 27c5a095 (ipset swap waits for RCU; list:set destroy races).
//
// Level: real kernel, both backends, timed; the text is searched for both.
//
// Lab: not on the lab: the regression is of kernels that it does not run on. Edits of a large policy are timed by make chaos.
func TestScenario39SetsAreReplacedWithoutSwap(t *testing.T) {
	onBackends(t, func(t *testing.T, b kernel.Backend) {
		r := wrapped{inside{newNS(t)}, func(_ context.Context, c kernel.Command) error {
			if c.Stdin == nil {
				return nil
			}
			var text bytes.Buffer
			if err := c.Stdin(&text); err != nil {
				return err
			}
			for line := range strings.Lines(text.String()) {
				if strings.HasPrefix(line, "swap ") || strings.Contains(line, "list:set") {
					t.Errorf("%s: %s", c.Argv[0], line)
				}
			}
			return nil
		}}
		k := kernel.New(kernel.Options{Backend: b, Runner: r})
		cidrs := singles("172.16.0.0", 1000)
		var took []time.Duration
		for i := range rounds(100) {
			s := world()
			s.Policies = []*netv1.NetworkPolicy{blocks("x/p", append(slices.Clone(cidrs), fmt.Sprintf("203.0.113.%d/32", i))...)}
			start := time.Now()
			if got := enforce(t, k, s); i > 0 && (got.SetWrites != 1 || got.ChainWrites != 1) {
				t.Fatalf("replacement %d: %+v", i, got)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		t.Logf("%d replacements: median %s, max %s", len(took), took[len(took)/2], took[len(took)-1])
	})
}
