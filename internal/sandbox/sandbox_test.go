package sandbox_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/netassay/netassay/internal/sandbox"
)

func TestInsideHasOnlyLoopback(t *testing.T) {
	sandbox.Require(t)
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Attrs().Name != "lo" && l.Attrs().Flags&net.FlagUp != 0 {
			t.Errorf("link %s is up, want lo only", l.Attrs().Name)
		}
	}
	if _, err := net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Errorf("loopback is not up: %v", err)
	}
}

func TestNetNS(t *testing.T) {
	sandbox.Require(t)
	n, err := sandbox.NewNetNS("one")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	id := func() string { s, _ := os.Readlink("/proc/thread-self/ns/net"); return s }
	home := id()
	var inside, child string
	err = n.Do(func() error {
		inside = id()
		out, err := exec.Command("readlink", "/proc/self/ns/net").Output()
		child = strings.TrimSpace(string(out))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if inside == home || child != inside || id() != home {
		t.Errorf("home %s, inside %s, child %s, afterwards %s", home, inside, child, id())
	}
	want := errors.New("from fn")
	if err := n.Do(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if out, err := exec.Command("ip", "netns", "exec", "one", "ip", "link").CombinedOutput(); err != nil {
		t.Errorf("ip netns exec: %v: %s", err, out)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestPreflightFindsNothingMissingWhereTestsRun(t *testing.T) {
	sandbox.Require(t)
	for _, p := range sandbox.Preflight() {
		t.Errorf("missing: %s", p)
	}
}
