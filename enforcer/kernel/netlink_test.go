package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

// twins are two network namespaces whose sets are changed in the same way: in one by netlink
// and in the other by ipset restore.
type twins struct{ netlink, ipset kernel.Runner }

func newTwins(t *testing.T) twins {
	t.Helper()
	return twins{netlink: byNetlink(t, newNS(t)), ipset: inside{newNS(t)}}
}

// initvals are what the kernel draws for each set, and what only newer revisions print.
var initvals = regexp.MustCompile(` bucketsize \d+ initval 0x[0-9a-f]+`)

// saved is all that sets hold, in an order that does not depend on hashes.
func saved(t *testing.T, r kernel.Runner) string {
	t.Helper()
	out, err := r.Run(context.Background(), kernel.Command{Argv: []string{"ipset", "save"}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(initvals.ReplaceAllString(string(out), ""), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// restore makes changes. It says in which line one failed, and why.
func restore(t *testing.T, r kernel.Runner, strict bool, write func(render.SetWriter)) (line int, said string) {
	t.Helper()
	c := kernel.Command{Argv: []string{"ipset", "restore"}, Stdin: func(w io.Writer) error { return render.SetText(w, write) }, Sets: write}
	if !strict {
		c.Argv = append(c.Argv, "-exist")
	}
	_, err := r.Run(context.Background(), c)
	var failed *kernel.RunError
	if !errors.As(err, &failed) {
		if err != nil {
			t.Fatal(err)
		}
		return 0, ""
	}
	_, said, _ = strings.Cut(failed.Stderr, "Error in line ")
	if n, err := fmt.Sscanf(said, "%d:", &line); n != 1 {
		t.Fatalf("restore failed without a line: %v (%v)", failed, err)
	}
	_, said, _ = strings.Cut(said, ": ")
	return line, said
}

// same makes changes in both, and fails unless the same comes of them. It gives what netlink
// says.
func (w twins) same(t *testing.T, strict bool, write func(render.SetWriter)) (said string) {
	t.Helper()
	var text strings.Builder
	if err := render.SetText(&text, write); err != nil {
		t.Fatal(err)
	}
	want, wantSaid := restore(t, w.ipset, strict, write)
	got, said := restore(t, w.netlink, strict, write)
	if got != want {
		t.Fatalf("netlink failed in line %d: %s\nipset failed in line %d: %s\n%s", got, said, want, wantSaid, text.String())
	}
	if got > 0 {
		line := strings.Split(text.String(), "\n")[got-1]
		if !strings.HasPrefix(said, line+": ") {
			t.Errorf("netlink failed in line %d, %q, and says %q", got, line, said)
		}
		said = strings.TrimPrefix(said, line+": ")
	}
	if strings.Contains(wantSaid, "does not exist") {
		w.makeUp(t)
	}
	if diff := cmp.Diff(saved(t, w.ipset), saved(t, w.netlink)); diff != "" {
		t.Fatalf("ipset save (-after ipset restore +after netlink):\n%s\n%s", diff, text.String())
	}
	return said
}

// makeUp makes the sets of ipset those of netlink. Ipset has forgotten the members that it had read
// but not sent yet when it asked the kernel about a set that is not there. Netlink has sent them.
func (w twins) makeUp(t *testing.T) {
	t.Helper()
	var creates, adds []string
	for line := range strings.Lines(saved(t, w.netlink)) {
		if strings.HasPrefix(line, "create ") {
			creates = append(creates, line)
		} else {
			adds = append(adds, line)
		}
	}
	for _, c := range []kernel.Command{
		{Argv: []string{"ipset", "destroy"}},
		{Argv: []string{"ipset", "restore"}, Stdin: func(to io.Writer) error {
			_, err := io.WriteString(to, strings.Join(append(creates, adds...), ""))
			return err
		}},
	} {
		if _, err := w.ipset.Run(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNetlinkMakesSetsOfPlans: whole plans, then what makes one of another.
func TestNetlinkMakesSetsOfPlans(t *testing.T) {
	sandbox.Require(t)
	w := newTwins(t)
	held := map[plan.SetName]plan.Set{}
	for seed := range uint64(40) {
		s := gen.New(seed, 1).Snapshot
		p := plan.Compile(s, s.Nodes[0].Name)
		wanted := map[plan.SetName]plan.Set{}
		for _, s := range slices.Concat(p.IPv4.Sets, p.IPv6.Sets) {
			wanted[s.Name] = s
		}
		if said := w.same(t, false, func(to render.SetWriter) { change(to, held, wanted) }); said != "" {
			t.Fatalf("seed %d: %s", seed, said)
		}
		held = wanted
	}
}

// change makes the wanted sets of those that are held. New ones are filled aside.
func change(to render.SetWriter, held, wanted map[plan.SetName]plan.Set) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		have, want := held[name].Members, wanted[name].Members
		if _, ok := held[name]; !ok {
			render.FillSet(to, wanted[name], "~")
			to.Rename("~", string(name))
			continue
		}
		for _, m := range have {
			if !slices.Contains(want, m) {
				to.Del(string(name), m)
			}
		}
		for _, m := range want {
			to.Add(string(name), m) // also those that are there
		}
	}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		if _, ok := wanted[name]; !ok {
			to.Destroy(string(name))
		}
	}
}

// TestNetlinkStopsWhereIpsetDoes: changes at random, most of which fail sooner or later.
func TestNetlinkStopsWhereIpsetDoes(t *testing.T) {
	sandbox.Require(t)
	w := newTwins(t)
	failures := map[string]int{}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		strict, ops := r.IntN(2) == 0, r.Uint64()
		failures[w.same(t, strict, func(to render.SetWriter) { randomly(to, rand.New(rand.NewPCG(ops, 1))) })]++
	}
	t.Logf("failures: %v", failures)
	if len(failures) < 5 {
		t.Errorf("too few kinds of failures: %v", failures)
	}
}

// kinds are all of sets.
var kinds = []plan.SetKind{plan.Addresses, plan.Prefixes, plan.AddressPorts, plan.Links}

// randomly makes changes to some sets, of which nobody knows whether they are there.
func randomly(to render.SetWriter, r *rand.Rand) {
	for range 1 + r.IntN(12) {
		n := r.IntN(8) // one name for each kind and family, so that members fit
		kind, family := kinds[n/2], []model.Family{model.IPv4, model.IPv6}[n%2]
		name := fmt.Sprint("npe-", n)
		switch r.IntN(8) {
		case 0, 1, 2:
			to.Create(plan.Set{Kind: kind, Family: family}, name)
		case 3:
			to.Rename(name+"~", name)
		case 4:
			to.Create(plan.Set{Kind: kind, Family: family}, name+"~")
		case 5:
			to.Destroy(name)
		default:
			change := to.Add
			if r.IntN(3) == 0 {
				change = to.Del
			}
			for range 1 + r.IntN(6) {
				change(name, member(kind, family, r))
			}
		}
	}
}

// member is one of a few.
func member(kind plan.SetKind, family model.Family, r *rand.Rand) plan.Member {
	ip, bits := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))}), 8+r.IntN(25)
	if family == model.IPv6 {
		ip, bits = netip.AddrFrom16([16]byte{0xfd, 15: byte(r.IntN(4))}), 8+r.IntN(121)
	}
	switch kind {
	case plan.Prefixes:
		return plan.AddressMember(netip.PrefixFrom(ip, bits).Masked())
	case plan.AddressPorts:
		return plan.PortMember(netip.PrefixFrom(ip, ip.BitLen()), []plan.Protocol{plan.SCTP, plan.TCP, plan.UDP}[r.IntN(3)], uint16(r.IntN(3)*300))
	case plan.Links:
		return plan.LinkMember(family, []string{"eth0", "veth0123456789a", "x"}[r.IntN(3)])
	case plan.Addresses:
	}
	return plan.HostMember(ip)
}

// TestNetlinkSaysWhatIsTooMuch: of many messages, one fails at a member in its midst. The kernel
// counts by parts of a hash, so that it is not always the same member.
func TestNetlinkSaysWhatIsTooMuch(t *testing.T) {
	sandbox.Require(t)
	r, s := byNetlink(t, newNS(t)), plan.Set{Kind: plan.Addresses, Family: model.IPv4}
	host := func(i int) plan.Member {
		return plan.HostMember(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	line, said := restore(t, r, true, func(to render.SetWriter) {
		to.Create(s, "npe-x~")
		for i := range 2 * s.MaxElem() {
			to.Add("npe-x~", host(i))
		}
		to.Rename("npe-x~", "npe-x")
	})
	added := line - 2
	if want := "add npe-x~ " + render.MemberText(host(added)) + ": the set is full"; said != want {
		t.Errorf("line %d: %s, want %s", line, said, want)
	}
	have := saved(t, r)
	if got := strings.Count(have, "add npe-x~ "); got != added {
		t.Errorf("%d members are there, want the %d ahead of the one that failed", got, added)
	}
	if strings.Contains(have, "create npe-x ") {
		t.Error("the set that is not full got its name")
	}
}

// TestNetlinkWithoutPermission: who may not change sets learns it before there is anything to change.
func TestNetlinkWithoutPermission(t *testing.T) {
	sandbox.Require(t)
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // it ends with this function
		none := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capset(&none, &make([]unix.CapUserData, 2)[0]); err != nil {
			failed <- err
			return
		}
		_, err := kernel.NewNetlink(nil)
		failed <- err
	}()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "operation not permitted") || !strings.Contains(err.Error(), "hash:net") {
		t.Errorf("netlink said %v, want that it is not permitted", err)
	}
}
