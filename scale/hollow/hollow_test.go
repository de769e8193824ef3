package hollow

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func full() Size { return Size{Nodes: 250, Pods: 20000, Namespaces: 100, Policies: 1000, Seed: 1} }

func TestAddressesAreUnique(t *testing.T) {
	s, seen := full(), map[string]int{}
	for i := range s.Pods {
		for life := range 2 {
			for _, ip := range s.podIPs(i, life) {
				if other, ok := seen[ip.IP]; ok {
					t.Fatalf("pods %d and %d have address %s", other, i, ip.IP)
				}
				seen[ip.IP] = i
			}
		}
	}
	if len(seen) != 4*s.Pods {
		t.Errorf("%d addresses, want %d", len(seen), 4*s.Pods)
	}
}

func TestNamesAreUnique(t *testing.T) {
	s, seen := full(), map[string]bool{}
	for i := range s.Pods {
		p := s.pod(i, 0)
		if seen[p.Namespace+"/"+p.Name] {
			t.Fatalf("two pods %s/%s", p.Namespace, p.Name)
		}
		seen[p.Namespace+"/"+p.Name] = true
	}
}

func TestSameSeedSamePolicies(t *testing.T) {
	a, b, other := full(), full(), full()
	other.Seed = 2
	differ := 0
	for i := range a.Policies {
		if diff := cmp.Diff(a.policy(i), b.policy(i)); diff != "" {
			t.Fatalf("policy %d is not the same twice:\n%s", i, diff)
		}
		if !cmp.Equal(a.policy(i), other.policy(i)) {
			differ++
		}
	}
	if differ < a.Policies/2 {
		t.Errorf("%d of %d policies differ between seeds", differ, a.Policies)
	}
}

func TestCheckNamesTheFlag(t *testing.T) {
	for _, tc := range []struct {
		flag  string
		spoil func(*Size)
	}{
		{"--nodes", func(s *Size) { s.Nodes = 0 }},
		{"--nodes", func(s *Size) { s.Nodes = maxNodes + 1 }},
		{"--pods", func(s *Size) { s.Pods = 0 }},
		{"--pods", func(s *Size) { s.Pods = 250*hostsOfNode + 1 }},
		{"--namespaces", func(s *Size) { s.Namespaces = 0 }},
		{"--policies", func(s *Size) { s.Policies = -1 }},
	} {
		s := full()
		tc.spoil(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), tc.flag) {
			t.Errorf("%+v: error %v does not name %s", s, err, tc.flag)
		}
	}
	if err := full().Check(); err != nil {
		t.Error(err)
	}
}
