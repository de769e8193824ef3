package kind

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/netassay/netassay/model"
)

// TestScripts runs both scripts in a network and mount namespace of their own, twice, as a
// node that is restarted does: routes are right, no default route is left, and a node still
// finds a route to Services.
func TestScripts(t *testing.T) {
	requireNamespaces(t)
	a := mustPlace(t, node("a", []string{"10.244.0.0/24", "fd00:10:244::/64"}, []string{"172.20.0.2", "fd12::2"}))
	b := mustPlace(t, node("b", []string{"10.244.1.0/24", "fd00:10:244:1::/64"}, []string{"172.20.0.3", "fd12::3"}))
	services, err := prefixes("10.96.0.0/16,fd00:10:96::/112")
	if err != nil {
		t.Fatal(err)
	}
	connect, err := networkScript(a, []model.Node{a, b}, services)
	if err != nil {
		t.Fatal(err)
	}
	const prepare = `set -eu
mount -t tmpfs tmpfs /etc && mount -t tmpfs tmpfs /run
ip link add eth0 type veth peer name peer0 && ip link set eth0 up && ip link set peer0 up
ip addr add 172.20.0.2/16 dev eth0 && ip addr add fd12::2/64 dev eth0 nodad
ip -4 route add default via 172.20.0.1 && ip -6 route add default via fd12::1
`
	const show = `
ip -4 route show; ip -6 route show | grep -v fe80
ip -4 route get 10.96.0.1 | head -1; ip -6 route get fd00:10:96::1 | head -1
ip -4 route get 192.0.2.1 2>&1 || true; ip -6 route get 2001:db8::1 2>&1 || true
test -s ` + cniFile + "\n"
	var script strings.Builder
	script.WriteString(prepare)
	for range 2 {
		script.WriteString("( " + connect + " )\n( " + closeScript + " )\n")
	}
	script.WriteString(show)
	cmd := exec.CommandContext(t.Context(), "unshare", "-rnm", "sh", "-s")
	cmd.Stdin = strings.NewReader(script.String())
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	out := string(text)
	for _, want := range []string{
		"10.244.1.0/24 via 172.20.0.3", "fd00:10:244:1::/64 via fd12::3",
		"10.96.0.1 dev eth0", "fd00:10:96::1", "Network is unreachable",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "default") || strings.Contains(out, "10.244.0.0/24") {
		t.Errorf("a route too many:\n%s", out)
	}
	if got := strings.Count(out, "etwork is unreachable"); got != 2 {
		t.Errorf("outside is unreachable for %d families, want 2:\n%s", got, out)
	}
}

// requireNamespaces ends a test that can't have namespaces of its own here.
func requireNamespaces(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "unshare", "-rnm", "ip", "link").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("unshare -rnm ip link: %v: %s", err, out)
	default:
		t.Skipf("unshare -rnm ip link: %v: %s", err, out)
	}
}
