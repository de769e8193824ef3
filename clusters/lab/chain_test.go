package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// plugin keeps what it is told, and whether the pod's link is there then, as it is seen from
// where the plugin runs; it fails when it is told to.
const plugin = `#!/bin/sh
cat >"$OUT/$CNI_COMMAND.conf"
ip -o link show dev "$LINK" >"$OUT/$CNI_COMMAND.link" || exit 1
[ ! -e "$OUT/fail-$CNI_COMMAND" ] || { echo '{"code": 11, "msg": "agent is away"}'; exit 1; }
`

// wired runs fn in a network namespace of its own that nodes are in.
func wired(t *testing.T, nodes int, fn func([]*network.Node) error) {
	t.Helper()
	sandbox.Require(t)
	ns, err := sandbox.NewNetNS("")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := ns.Do(func() error {
		wires, err := network.New(network.Plan{Families: model.Dual}, nodes)
		if err != nil {
			return err
		}
		defer func() {
			if err := wires.Close(); err != nil {
				t.Error(err)
			}
		}()
		return fn(wires.Nodes())
	}); err != nil {
		t.Fatal(err)
	}
}

// A plugin is called between attach and release, in the node's network namespace; without its
// yes there is no pod, and nothing of it is left.
func TestChainedPlugin(t *testing.T) {
	out, link := t.TempDir(), network.LinkName("x", "a")
	program := filepath.Join(out, "plugin")
	if err := os.WriteFile(program, []byte(plugin), 0o755); err != nil {
		t.Fatal(err)
	}
	wired(t, 1, func(nodes []*network.Node) error {
		n := &node{net: nodes[0]}
		n.Chain(engines.Plugin{Path: program, Config: map[string]any{"cniVersion": "1.0.0"}, Env: []string{"OUT=" + out, "LINK=" + link}})
		request := kubelet.Request{Key: "x_a_7", Namespace: "x", Name: "a", UID: "7"}
		pod, err := n.attach(request)
		if err != nil {
			return err
		}
		if err := pod.Close(); err != nil {
			return err
		}
		for _, verb := range []string{"ADD", "DEL"} {
			conf, _ := os.ReadFile(filepath.Join(out, verb+".conf"))
			seen, _ := os.ReadFile(filepath.Join(out, verb+".link"))
			if !strings.Contains(string(conf), pod.IPs()[0].String()) || !strings.Contains(string(seen), link) {
				t.Errorf("%s was told %s and saw %q", verb, conf, seen)
			}
		}
		if err := os.WriteFile(filepath.Join(out, "fail-ADD"), nil, 0o644); err != nil {
			return err
		}
		if _, err := n.attach(request); err == nil || !strings.Contains(err.Error(), "CNI ADD of x/a") || !strings.Contains(err.Error(), "agent is away") {
			t.Errorf("attached though the plugin said no: %v", err)
		}
		return n.Do(func() error {
			if _, err := os.Stat("/run/netns/x_a_7"); !os.IsNotExist(err) {
				t.Errorf("the namespace of a pod that was refused: %v", err)
			}
			return nil
		})
	})
}

// What covers a place on one node is seen by what is started there, and nowhere else.
func TestCover(t *testing.T) {
	dir := t.TempDir()
	place, cover := filepath.Join(dir, "place"), filepath.Join(dir, "cover")
	for path, text := range map[string]string{place: "everybody's", cover: "its own"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wired(t, 2, func(nodes []*network.Node) error {
		one, other := &node{net: nodes[0]}, &node{net: nodes[1]}
		one.Cover(engines.Cover{What: cover, At: place})
		if err := one.Run(t.Context(), "", "grep", "-qx", "its own", place); err != nil {
			t.Errorf("on the node itself: %v", err)
		}
		if err := one.Run(t.Context(), "", "ip", "link", "show", "eth0"); err != nil {
			t.Errorf("the network is not the node's: %v", err)
		}
		if err := other.Run(t.Context(), "", "grep", "-qx", "everybody's", place); err != nil {
			t.Errorf("on another node: %v", err)
		}
		one.Cover(engines.Cover{What: cover + "-that-is-none", At: place})
		if err := one.Run(t.Context(), "", "true"); err == nil || !strings.Contains(err.Error(), "put "+cover+"-that-is-none over "+place) {
			t.Errorf("a cover that is none: %v", err)
		}
		return nil
	})
}
