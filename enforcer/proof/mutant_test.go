package proof

import (
	"regexp"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model/gen"
)

// mutant is a way for the rendered text to be wrong.
type mutant struct {
	name string
	edit func(simnet.Text) simnet.Text
}

// rules edits the rules of both families line by line; "" drops a line.
func rules(edit func(line string) string) func(simnet.Text) simnet.Text {
	return func(in simnet.Text) simnet.Text {
		in.Rules4, in.Rules6 = eachLine(in.Rules4, edit), eachLine(in.Rules6, edit)
		return in
	}
}

func sets(edit func(line string) string) func(simnet.Text) simnet.Text {
	return func(in simnet.Text) simnet.Text {
		in.Sets = eachLine(in.Sets, edit)
		return in
	}
}

func eachLine(in string, edit func(string) string) string {
	var b strings.Builder
	for line := range strings.Lines(in) {
		if out := edit(strings.TrimSuffix(line, "\n")); out != "" {
			b.WriteString(out + "\n")
		}
	}
	return b.String()
}

// without drops the lines that match.
func without(pattern string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(line string) string {
		if re.MatchString(line) {
			return ""
		}
		return line
	}
}

func replace(pattern, with string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(line string) string { return re.ReplaceAllString(line, with) }
}

// mutants are mistakes that enforcers have made, or that this one could.
var mutants = []mutant{
	{"no text at all", func(simnet.Text) simnet.Text { return simnet.Text{} }},
	{"IPv6 forgotten", func(in simnet.Text) simnet.Text { in.Rules6 = ""; return in }},
	{"no hook in FORWARD", rules(without(`-I FORWARD`))},
	{"the end of a chain passes", rules(replace(`-j DROP`, "-j RETURN"))},
	{"an allow skips the other direction", rules(replace(`^(-A NPE-(?:EG|IN)-.*)-j RETURN`, "${1}-j ACCEPT"))},
	{"everything is denied", rules(replace(`^(-A NPE-(?:EG|IN)-.*)-j RETURN`, "${1}-j DROP"))},
	{"egress forgotten in FORWARD", rules(without(`-A NPE-FWD .*-j NPE-EG`))},
	{"ingress forgotten", rules(without(`-A NPE-FWD .*-j NPE-IN`))},
	{"ingress chains never entered", rules(without(`-A NPE-IN .* -j NPE-`))},
	{"ingress peers matched at the wrong end", rules(replace(`( npe-p\S+) src`, "$1 dst"))},
	{"subject set forgotten", rules(replace(`-m set --match-set npe-s\S+ (src|dst) `, ""))},
	{"peer set forgotten", rules(replace(`-m set --match-set npe-p\S+ (src|dst) `, ""))},
	{"ports forgotten", rules(replace(`-m (tcp|udp|sctp) --dport \S+ `, ""))},
	{"protocol taken for TCP", rules(replace(`-p udp -m udp`, "-p tcp -m tcp"))},
	{"ranges cut to their first port", rules(replace(`(--dports? .*?\d+):\d+`, "$1"))},
	{"multiport loses its last port", rules(replace(`(--dports \S+),\S+`, "$1"))},
	{"named port forgotten", rules(replace(`-m set --match-set npe-n\S+ dst,dst `, ""))},
	{"named ports on UDP lost", sets(without(`^add npe-n.*,udp:`))},
	{"excepts of a large block forgotten", rules(replace(`-m set ! --match-set \S+ (src|dst) `, ""))},
	{"half of a /0 lost", sets(without(`^add npe-b\S+ (128\.0\.0\.0|8000::)/1$`))},
	{"single addresses of blocks lost", sets(without(`^add npe-b\S+ [^/]+$`))},
	{"isolation of IPv6 addresses lost", sets(without(`^add npe-i6\S+ fd00:10:1:`))},
}

// Every mutant must be convicted by the same property that the real text has.
func TestMutantsAreConvicted(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) { convict(t, m) })
	}
}

// convict finds the first disagreement that a mutant causes. A text that cannot be read
// any more is no conviction: the mutant must be a text that the kernel takes.
func convict(t *testing.T, m mutant) *disagreement {
	t.Helper()
	for seed := range *scenarios {
		s := gen.New(seed, flowsPerScenario)
		d, err := check(s.Snapshot, s.Flows, m.edit, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d != nil {
			return d
		}
	}
	t.Fatalf("survived %d scenarios", *scenarios)
	return nil
}
