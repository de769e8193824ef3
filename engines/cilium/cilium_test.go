package cilium

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// Each variant is the engine with one more option, and says how long it may take.
func TestVariants(t *testing.T) {
	own := Profile().Args()
	for name, want := range map[string]struct {
		more  []string
		after time.Duration
	}{
		Name:       {nil, 45 * time.Second},
		Jitterless: {[]string{"--identity-max-jitter=0s"}, 15 * time.Second},
		InCluster:  {[]string{"--policy-cidr-match-mode=nodes,pods"}, 45 * time.Second},
	} {
		e := New(name, "/bin/cilium")
		if e.Name() != name {
			t.Errorf("%s is called %s", name, e.Name())
		}
		if diff := cmp.Diff(slices.Concat(own, want.more), e.profile.Args()); diff != "" {
			t.Errorf("%s: options (-want +got):\n%s", name, diff)
		}
		if after, why := engines.Slow(e).Patience(); after != want.after || why == "" {
			t.Errorf("%s: patience %s, %q, want %s", name, after, why, want.after)
		}
	}
}

func TestFamilies(t *testing.T) {
	for cidrs, want := range map[string]families{
		"10.244.1.0/24": {ipv4: true}, "fd00::/64": {ipv6: true}, "10.244.1.0/24 fd00::/64": {ipv4: true, ipv6: true},
	} {
		if got, err := familiesIn(strings.Fields(cidrs)); got != want || err != nil {
			t.Errorf("%s: %+v, %v", cidrs, got, err)
		}
	}
	if _, err := familiesIn([]string{"10.244.1.0"}); err == nil {
		t.Error("taken: a range that is none")
	}
}

func TestLacks(t *testing.T) {
	const all = "nodev\tsysfs\nnodev\tcgroup2\nnodev\tbpf\n\text4\n"
	if got := lacks(all); len(got) > 0 {
		t.Errorf("lacks %v", got)
	}
	for _, fs := range []string{"bpf", "cgroup2"} {
		got := lacks(strings.Replace(all, "nodev\t"+fs+"\n", "", 1))
		if len(got) != 1 || !strings.Contains(got[0].What, fs) || strings.Contains(got[0].String(), "\n") {
			t.Errorf("without %s: %v", fs, got)
		}
	}
}

// What is a node's own: an agent's writes to the machine's settings stay there, what is pinned stays
// when the agent ends, and a second start finds all as it was.
func TestFurnish(t *testing.T) {
	sandbox.Require(t)
	if problems := Preflight(); len(problems) > 0 {
		t.Skipf("%v", problems)
	}
	dir := t.TempDir()
	covers, err := furnish(dir, "/bin/cilium")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(filepath.Join(dir, "bpf"), 0); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Mkdir(filepath.Join(dir, "bpf", "tc"), 0o755); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(sysctls + written()[0])
	if err != nil {
		t.Fatal(err)
	}
	err = sandbox.Mounting(func() error {
		for _, c := range covers {
			if err := unix.Mount(c.What, c.At, "", unix.MS_BIND, ""); err != nil {
				return err
			}
		}
		return os.WriteFile(sysctls+written()[0], []byte("agent's"), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(sysctls + written()[0]); string(after) != string(before) {
		t.Errorf("the machine's setting is %q, %v, and was %q", after, err, before)
	}
	again, err := furnish(dir, "/bin/cilium")
	if diff := cmp.Diff(covers, again); diff != "" || err != nil {
		t.Errorf("a second time: %v (-want +got):\n%s", err, diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "bpf", "tc")); err != nil {
		t.Errorf("what was pinned is gone after a second start: %v", err)
	}
}
