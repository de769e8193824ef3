package parity

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// scenarios and flows per scenario that are sent as real packets, per backend.
const (
	scenarios        = 12
	flowsPerScenario = 60
)

// TestKernelAgreesWithTracer loads rendered text into the real kernel and into the tracer,
// and compares what becomes of real packets. Both builds of iptables are tried.
func TestKernelAgreesWithTracer(t *testing.T) {
	sandbox.Require(t)
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			r := newRouter(t)
			w := r.open(t)
			passed, dropped := 0, 0
			for seed := range uint64(scenarios) {
				p, d := compare(t, r, w, backend, seed)
				passed, dropped = passed+p, dropped+d
			}
			t.Logf("%d packets passed, %d were dropped", passed, dropped)
			if 5*min(passed, dropped) < passed+dropped {
				t.Errorf("%d passed and %d dropped: the sample is one-sided", passed, dropped)
			}
		})
	}
}

// compare loads each node's text in turn and sends the flows of that node's pods.
func compare(t *testing.T, r *router, w wire, backend string, seed uint64) (passed, dropped int) {
	t.Helper()
	s := gen.New(seed, flowsPerScenario)
	for _, node := range s.Snapshot.Nodes {
		sim := iptsim.New()
		r.clear(t, backend)
		r.load(t, sim, backend, plan.Compile(s.Snapshot, node.Name))
		flows := flowsOf(s, node.Name)
		for i, through := range r.send(t, w, flows) {
			trace, err := sim.Walk("FORWARD", simnet.PacketOf(flows[i]))
			must(t, err)
			if through != (trace.Verdict == iptsim.Accept) {
				t.Errorf("seed %d, node %s: %s came through: %t, but the tracer says:\n%s", seed, node.Name, flows[i], through, trace)
			}
			if through {
				passed++
			} else {
				dropped++
			}
		}
	}
	return passed, dropped
}

// flowsOf are the flows from or to a pod of the node.
func flowsOf(s gen.Scenario, node string) []model.Flow {
	var local []netip.Addr
	for _, p := range s.Snapshot.Pods {
		if p.Node == node {
			local = append(local, p.IPs...)
		}
	}
	return slices.DeleteFunc(slices.Clone(s.Flows), func(f model.Flow) bool {
		return f.Client == f.Server || !slices.Contains(local, f.Client) && !slices.Contains(local, f.Server)
	})
}

// load gives the same text to the real tools and to the tracer; both must take it. Then
// every chain's hash must be found in what iptables-save prints.
func (r *router) load(t *testing.T, sim *iptsim.Machine, backend string, p plan.Plan) {
	t.Helper()
	for _, f := range p.Families() {
		var sets, rules bytes.Buffer
		must(t, render.Sets(&sets, f.Sets))
		must(t, render.Rules(&rules, render.Full(f)))
		must(t, sim.RestoreSets(bytes.NewReader(sets.Bytes()), false))
		must(t, sim.RestoreRules(iptsim.Family(render.Family(f.Family)), bytes.NewReader(rules.Bytes())))
		_, err := r.exec([]string{"ipset", "restore"}, &sets)
		must(t, err)
		_, err = r.exec([]string{tool(f.Family, backend, "restore"), "-w", "5", "--noflush"}, &rules)
		must(t, err)
		saved, err := r.exec([]string{tool(f.Family, backend, "save"), "-t", render.Table}, nil)
		must(t, err)
		checkHashes(t, f, saved)
	}
}

func checkHashes(t *testing.T, f plan.FamilyPlan, saved string) {
	t.Helper()
	last, count := map[plan.ChainName]string{}, map[plan.ChainName]int{}
	for line := range strings.Lines(saved) {
		if rest, ok := strings.CutPrefix(line, "-A "); ok {
			name, _, _ := strings.Cut(rest, " ")
			last[plan.ChainName(name)] = line
			count[plan.ChainName(name)]++
		}
	}
	for _, c := range f.Chains {
		if got, ok := render.HashOf(last[c.Name]); !ok || got != render.ChainHash(c, nil) || count[c.Name] != len(c.Rules) {
			t.Errorf("chain %s: %d rules, want %d; the last is %q", c.Name, count[c.Name], len(c.Rules), last[c.Name])
		}
	}
}

// clear empties the router's table and sets.
func (r *router) clear(t *testing.T, backend string) {
	t.Helper()
	for _, f := range []model.Family{model.IPv4, model.IPv6} {
		_, err := r.exec([]string{tool(f, backend, "restore"), "-w", "5"}, strings.NewReader("*mangle\nCOMMIT\n"))
		must(t, err)
	}
	_, err := r.exec([]string{"ipset", "destroy"}, nil)
	must(t, err)
}

func tool(f model.Family, backend, verb string) string {
	if f == model.IPv6 {
		return fmt.Sprintf("ip6tables-%s-%s", backend, verb)
	}
	return fmt.Sprintf("iptables-%s-%s", backend, verb)
}

// TestToolsTakeRenderedText feeds many more texts to both, without packets.
func TestToolsTakeRenderedText(t *testing.T) {
	sandbox.Require(t)
	for _, backend := range []string{"nft", "legacy"} {
		t.Run(backend, func(t *testing.T) {
			r := newRouter(t)
			for seed := uint64(1000); seed < 1025; seed++ {
				r.clear(t, backend)
				r.load(t, iptsim.New(), backend, plan.Compile(gen.New(seed, 0).Snapshot, "n2"))
			}
		})
	}
}

// TestBothRefuse gives lines to both that a careless renderer might write. What the real
// tools refuse, the tracer must refuse, or it would prove texts that never load.
func TestBothRefuse(t *testing.T) {
	sandbox.Require(t)
	const sets = "create a hash:ip family inet\ncreate b hash:ip family inet6\ncreate c hash:ip,port family inet\ncreate n hash:net family inet\n"
	r := newRouter(t)
	r.run(t, strings.TrimSuffix("ipset "+strings.ReplaceAll(sets, "\n", "\nipset "), "ipset "))
	for _, line := range []string{
		"add n 0.0.0.0/0", "add a fd00::1", "add c 10.0.0.1", "add none 10.0.0.1", "create a hash:ip family inet",
		"create " + strings.Repeat("x", 32) + " hash:ip", "rename a c", "del a 10.0.0.1", "destroy none", "swap a c",
	} {
		sim := iptsim.New()
		must(t, sim.RestoreSets(strings.NewReader(sets), false))
		_, real := r.exec([]string{"ipset", "restore"}, strings.NewReader(line+"\n"))
		bothRefuse(t, line, real, sim.RestoreSets(strings.NewReader(line+"\n"), false))
	}
	for _, line := range []string{
		"-A FORWARD -m set --match-set none src -j DROP", "-A FORWARD -m tcp --dport 80 -j DROP", "-A FORWARD -p tcp -m tcp --dport 70000 -j DROP",
		"-A FORWARD -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 -j DROP",
		"-A FORWARD -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16 -j DROP",
		"-A FORWARD -j NOWHERE", ":" + strings.Repeat("C", 29) + " - [0:0]", "-A NOWHERE -j DROP", "-A FORWARD -m conntrack --ctstate OPEN -j DROP",
		"-A FORWARD -m conntrack --ctdir BACK -j DROP", "-X NOWHERE",
		"-A FORWARD -p tcp -m tcp --dport 9:8 -j DROP",
	} {
		text := "*mangle\n" + line + "\nCOMMIT\n"
		for _, backend := range []string{"nft", "legacy"} {
			sim := iptsim.New()
			must(t, sim.RestoreSets(strings.NewReader(sets), false))
			_, real := r.exec([]string{"iptables-" + backend + "-restore", "-w", "5", "--noflush"}, strings.NewReader(text))
			bothRefuse(t, backend+": "+line, real, sim.RestoreRules(iptsim.IPv4, strings.NewReader(text)))
		}
	}
}

func bothRefuse(t *testing.T, line string, real, sim error) {
	t.Helper()
	if real == nil {
		t.Errorf("%q: the real tool takes it; drop it from this test", line)
	}
	if sim == nil {
		t.Errorf("%q: the tracer takes it, the real tool does not: %v", line, real)
	}
}

// The tools that the tests need are part of the sandbox's requirements.
func TestToolsAreThere(t *testing.T) {
	sandbox.Require(t)
	for _, name := range []string{"ip", "ipset", "iptables-nft-restore", "iptables-legacy-restore", "ip6tables-nft-restore", "ip6tables-legacy-restore"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Errorf("%v: install iptables, ipset and iproute2", err)
		}
	}
}
