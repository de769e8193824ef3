package kernel

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// FuzzParseSet: whatever ipset save prints is a set or an error. What is read is sorted, and
// reads the same again once it has been written, so that no sync goes on for ever.
func FuzzParseSet(f *testing.F) {
	f.Add("create npe-p4-x hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1234\nadd npe-p4-x 10.0.0.2\nadd npe-p4-x 10.0.0.1\n")
	f.Add("create npe-b6-x hash:net family inet6 hashsize 1024 maxelem 131072\nadd npe-b6-x fd00::/8\nadd npe-b6-x 2001:db8::1\n")
	f.Add("create npe-n4-x hash:ip,port family inet hashsize 1024 maxelem 65536\nadd npe-n4-x 10.0.0.1,tcp:80\nadd npe-n4-x 10.0.0.1,udp:53\n")
	f.Add("create other list:set size 8\nadd other x\nadd other y before x\n")
	f.Add("create npe-b4-x hash:net family inet maxelem many\nadd npe-b4-x 10.0.0.0/8 nomatch\nadd npe-b4-x 10.0.0.1/8\n")
	f.Fuzz(func(t *testing.T, saved string) {
		_, s, err := parseSet(saved)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(s.Members, plan.Member.Compare) {
			t.Fatalf("members are not sorted: %v", s.Members)
		}
		if !s.known() {
			return
		}
		var again strings.Builder
		if err := render.Sets(&again, []plan.Set{{Name: "x", Kind: s.Kind, Family: s.Family, Members: s.Members}}); err != nil {
			t.Fatal(err)
		}
		_, back, err := parseSet(again.String())
		if err != nil || !slices.Equal(back.Members, s.Members) {
			t.Fatalf("written and read again: %v, %v, want %v", back, err, s.Members)
		}
	})
}

// FuzzParseTable: whatever iptables-save prints can be read, nothing that is not ours counts
// as ours, and a sync with no plan removes all that does.
func FuzzParseTable(f *testing.F) {
	f.Add("# Generated\n*mangle\n:FORWARD ACCEPT [0:0]\n:NPE-FWD - [0:0]\n-A FORWARD -j NPE-FWD\n-A NPE-FWD -m set --match-set npe-i4-x dst -g NPE-IN\n-A NPE-FWD -m comment --comment npe:0123456789abcdef -j DROP\nCOMMIT\n")
	f.Add("-A OUTPUT -p tcp -j NPE-IN-x\n-A KUBE-X -m set --match-set npe-p4-y src -g NPE-EG\n:KUBE-X - [0:0]\n")
	f.Add(":NPE- \n-A NPE-\n-A \n-A FORWARD -j\n-A FORWARD --match-set\n")
	f.Fuzz(func(t *testing.T, saved string) {
		table := parseTable(saved)
		have := newFamily()
		have.adopt(table)
		for name, c := range table.chains {
			if !strings.HasPrefix(string(name), plan.ChainPrefix) || c.Rules < 0 {
				t.Fatalf("chain %q with %d rules", name, c.Rules)
			}
		}
		for name := range have.referenced() {
			if !strings.HasPrefix(name, plan.SetPrefix) {
				t.Fatalf("set %q", name)
			}
		}
		for h := range table.hooks {
			if !builtin(h.From) || !strings.HasPrefix(string(h.To), plan.ChainPrefix) {
				t.Fatalf("hook %v", h)
			}
		}
		c, err := diff(have, plan.FamilyPlan{Family: model.IPv4}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if gone := len(table.chains) - len(kept(table)); c.commit != nil && len(c.commit.Delete) != gone {
			t.Fatalf("%d chains go, want %d", len(c.commit.Delete), gone)
		}
	})
}

// kept are our chains that others refer to.
func kept(t table) (names []plan.ChainName) {
	for name := range t.chains {
		if _, ok := t.foreign[name]; ok {
			names = append(names, name)
		}
	}
	return names
}

// FuzzRestoreError: the line number in what ipset says of a failed restore is a line, or
// there is none.
func FuzzRestoreError(f *testing.F) {
	f.Add("ipset v7.17: Error in line 12: Set cannot be destroyed: it is in use by a kernel component")
	f.Add("ipset v7.17: Error in line 99999999999999999999: x")
	f.Add("iptables-restore: line 3 failed")
	f.Fuzz(func(t *testing.T, said string) {
		n, ok := failedLine(&RunError{Argv: []string{ipset}, Stderr: said, Err: context.Canceled})
		if ok && n < 1 {
			t.Fatalf("line %d of %q", n, said)
		}
	})
}
