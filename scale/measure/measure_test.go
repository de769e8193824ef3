package measure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestReadMemoryOfSelf(t *testing.T) {
	m, err := ReadMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.HWM < m.RSS || m.RSS < m.Anon || m.Anon <= 0 || m.PSS <= 0 {
		t.Errorf("memory of this process can't be: %+v", m)
	}
	if _, err := ReadMemory(-1); err == nil {
		t.Error("a process that can't be has memory")
	}
}

func TestReadCPUOfSelf(t *testing.T) {
	before, err := ReadCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		now, err := ReadCPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now.Minus(before).Own > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a busy loop of a minute took no CPU time")
		}
	}
}

const listing = `Name: npe-e4-one
Type: hash:ip
Revision: 6
Header: family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
Size in memory: 456
References: 0
Number of entries: 0

Name: KUBE-LOOP
Type: hash:ip
Header: family inet hashsize 64 maxelem 65536
Size in memory: 1000
Number of entries: 9

Name: npe-b6-two
Type: hash:net
Header: family inet6 hashsize 2048 maxelem 65536 bucketsize 12 initval 0x2
Size in memory: 2000
References: 1
Number of entries: 30
`

func TestParseSets(t *testing.T) {
	got, err := parseSets(listing)
	if err != nil {
		t.Fatal(err)
	}
	want := Sets{Sets: 3, Entries: 39, Bytes: 456 + 1000 + 2000 + 8*(1024+64+2048)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := parseSets(strings.ReplaceAll(listing, "456", "many")); err == nil {
		t.Error("no error for a size that is no number")
	}
}

func TestMemoryHierarchy(t *testing.T) {
	for _, tc := range []struct {
		name, self string
		want       hierarchy
	}{
		{"version 1", "4:memory:/a/b\n3:cpu,cpuacct:/\n0::/c\n", hierarchy{kind: "cgroup", options: "memory", self: "/a/b", peak: "memory.max_usage_in_bytes"}},
		{"version 2", "0::/user.slice\n", hierarchy{kind: "cgroup2", self: "/user.slice", peak: "memory.peak"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := memoryHierarchy(tc.self)
			if err != nil || got != tc.want {
				t.Errorf("%+v (%v), want %+v", got, err, tc.want)
			}
		})
	}
	if _, err := memoryHierarchy("3:cpu:/\n"); err == nil {
		t.Error("no error without a memory controller")
	}
}

func TestPressureSince(t *testing.T) {
	start := time.Now()
	before := Pressure{At: start, Cores: 2, Busy: 10 * time.Second, Ours: 8 * time.Second, Stalled: time.Second}
	after := Pressure{At: start.Add(10 * time.Second), Cores: 2, Busy: 25 * time.Second, Ours: 18 * time.Second, Stolen: time.Second, Stalled: 6 * time.Second}
	got := after.Since(before)
	if want := (Share{Foreign: 0.25, Stolen: 0.05, Ours: 0.5, Stalled: 0.5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := before.Since(before); got != (Share{}) {
		t.Errorf("no time at all gives %+v", got)
	}
	now, err := ReadPressure()
	if err != nil {
		t.Fatal(err)
	}
	if now.Cores < 1 || now.Busy <= 0 || now.Ours <= 0 {
		t.Errorf("this host can't be like that: %+v", now)
	}
}

// A run removes what a killed one left, and nothing of one that lives.
func TestLeftoversOfOthers(t *testing.T) {
	parent := t.TempDir()
	live, dead, other := filepath.Join(parent, stem+"live"), filepath.Join(parent, stem+"dead"), filepath.Join(parent, "other")
	for _, dir := range []string{live, dead, other} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(live)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	removeLeftovers(parent)
	left, err := filepath.Glob(filepath.Join(parent, "*"))
	if diff := cmp.Diff([]string{live, other}, left); diff != "" || err != nil {
		t.Errorf("left (-want +got), %v:\n%s", err, diff)
	}
}
