package kernel_test

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	stdsync "sync"
	"testing"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// world is a kernel that a test works on, the simulated one or a real network namespace.
type world struct {
	t       *testing.T
	run     *counting
	backend kernel.Backend
}

// counting remembers the commands that ran.
type counting struct {
	kernel.Runner
	mu       stdsync.Mutex
	commands []string
}

func (c *counting) Run(ctx context.Context, cmd kernel.Command) ([]byte, error) {
	c.mu.Lock()
	c.commands = append(c.commands, strings.Join(cmd.Argv, " "))
	c.mu.Unlock()
	return c.Runner.Run(ctx, cmd)
}

// inside runs the real tools in a network namespace.
type inside struct{ ns *sandbox.NetNS }

func (r inside) Run(ctx context.Context, c kernel.Command) (out []byte, err error) {
	doErr := r.ns.Do(func() error {
		out, err = kernel.Exec{}.Run(ctx, c)
		return nil
	})
	if doErr != nil {
		return nil, doErr
	}
	return out, err
}

func newNS(tb testing.TB) *sandbox.NetNS {
	tb.Helper()
	ns, err := sandbox.NewNetNS("")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ns.Close() })
	return ns
}

// byNetlink is inside, but for sets, which are changed by netlink.
func byNetlink(tb testing.TB, ns *sandbox.NetNS) *kernel.Netlink {
	tb.Helper()
	var n *kernel.Netlink
	err := ns.Do(func() (err error) {
		n, err = kernel.NewNetlink(inside{ns})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.Close)
	return n
}

// onAll runs a test on the simulated kernel and on both real backends, with nft by netlink and
// with legacy by ipset restore.
func onAll(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) {
		test(&world{t: t, run: &counting{Runner: fake.New()}, backend: kernel.Auto})
	})
	for _, b := range []kernel.Backend{kernel.NFT, kernel.Legacy} {
		t.Run(string(b), func(t *testing.T) {
			sandbox.Require(t)
			ns := newNS(t)
			run := kernel.Runner(inside{ns})
			if b == kernel.NFT {
				run = byNetlink(t, ns)
			}
			test(&world{t: t, run: &counting{Runner: run}, backend: b})
		})
	}
}

// agent is a new agent's view of the world. The simulated kernel bears one tool at a time.
func (w *world) agent() *kernel.Kernel {
	return kernel.New(kernel.Options{Backend: w.backend, Runner: w.run, Parallel: w.backend != kernel.Auto})
}

func (w *world) sync(k *kernel.Kernel, p plan.Plan) kernel.Result {
	w.t.Helper()
	r, err := k.Sync(context.Background(), p, kernel.Hints{})
	if err != nil {
		w.t.Fatalf("sync: %v", err)
	}
	return r
}

func (w *world) verify(k *kernel.Kernel) kernel.Drift {
	w.t.Helper()
	d, err := k.Verify(context.Background())
	if err != nil {
		w.t.Fatalf("verify: %v", err)
	}
	return d
}

// sets is what another tool does to ipsets, rules to the IPv4 mangle table.
func (w *world) sets(lines ...string) { w.t.Helper(); w.feed("ipset restore", lines) }

func (w *world) rules(lines ...string) {
	w.t.Helper()
	w.feed(w.tool("restore")+" -w 5 --noflush", append(append([]string{"*mangle"}, lines...), "COMMIT"))
}

func (w *world) tool(action string) string {
	if w.backend == kernel.Auto {
		return "iptables-" + action
	}
	return "iptables-" + string(w.backend) + "-" + action
}

func (w *world) feed(argv string, lines []string) {
	w.t.Helper()
	w.output(argv, strings.Join(lines, "\n")+"\n")
}

func (w *world) output(argv, stdin string) string {
	w.t.Helper()
	out, err := w.run.Run(context.Background(), kernel.Command{
		Argv:  strings.Fields(argv),
		Stdin: func(in io.Writer) error { _, err := io.WriteString(in, stdin); return err },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return string(out)
}

// state is what is in the kernel, in words that are the same for all worlds: the members
// of each set, and the number of rules of each chain of IPv4.
type state struct {
	Sets   map[string][]string
	Chains map[string]int
}

func (w *world) state() state {
	w.t.Helper()
	s := state{Sets: map[string][]string{}, Chains: map[string]int{}}
	for _, name := range strings.Fields(w.output("ipset list -n", "")) {
		s.Sets[name] = []string{}
		for line := range strings.Lines(w.output("ipset save "+name, "")) {
			if words := strings.Fields(line); words[0] == "add" {
				s.Sets[name] = append(s.Sets[name], words[2])
			}
		}
		slices.Sort(s.Sets[name])
	}
	for line := range strings.Lines(w.output(w.tool("save")+" -t mangle", "")) {
		words := strings.Fields(line)
		if strings.HasPrefix(line, ":") {
			s.Chains[words[0][1:]] += 0
		}
		if strings.HasPrefix(line, "-A ") {
			s.Chains[words[1]]++
		}
	}
	return s
}

// own are the names of ours in a state, without generations of sets.
func (s state) own() []string {
	var names []string
	for _, n := range slices.Concat(slices.Collect(maps.Keys(s.Sets)), slices.Collect(maps.Keys(s.Chains))) {
		if strings.HasPrefix(n, plan.SetPrefix) || strings.HasPrefix(n, plan.ChainPrefix) {
			n, _, _ = strings.Cut(n, ".")
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// named are the names that a plan wants in a kernel of which state looks at IPv4's chains.
func named(p plan.Plan) []string {
	var names []string
	for _, s := range slices.Concat(p.IPv4.Sets, p.IPv6.Sets) {
		names = append(names, string(s.Name))
	}
	for _, c := range p.IPv4.Chains {
		names = append(names, string(c.Name))
	}
	slices.Sort(names)
	return names
}

// set finds the one set whose name starts with prefix.
func (s state) set(t *testing.T, prefix string) string {
	t.Helper()
	var found []string
	for name := range s.Sets {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		t.Fatalf("sets %s…: %v, want one", prefix, found)
	}
	return found[0]
}
