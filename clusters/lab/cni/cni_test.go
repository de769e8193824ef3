package cni_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/clusters/lab/cni"
	"github.com/netassay/netassay/engines"
)

func pod() cni.Pod {
	return cni.Pod{
		NetNS: "x_a_7", Namespace: "x", Name: "a", UID: "7", Link: "veth0",
		IPs: []netip.Addr{netip.MustParseAddr("10.244.1.2"), netip.MustParseAddr("fd00::2")},
	}
}

// The plugin is told what the specification says, and its own configuration stays as it was.
func TestWhatThePluginIsTold(t *testing.T) {
	var got []string
	plugin := engines.Plugin{
		Path: "/opt/bin/thing", Env: []string{"THING=1"},
		Config: map[string]any{"cniVersion": "1.0.0", "name": "thing", "type": "thing"},
	}
	c := cni.Chain{Plugin: plugin, Run: func(_ context.Context, env []string, stdin string, argv ...string) error {
		got = append(got, strings.Join(argv, " "), strings.Join(env, "\n"), stdin)
		return nil
	}}
	if err := c.Add(t.Context(), pod()); err != nil {
		t.Fatal(err)
	}
	const conf = `{"cniVersion":"1.0.0","name":"thing","prevResult":{"cniVersion":"1.0.0",` +
		`"interfaces":[{"name":"veth0"},{"name":"eth0","sandbox":"/run/netns/x_a_7"}],` +
		`"ips":[{"address":"10.244.1.2/32","interface":1},{"address":"fd00::2/128","interface":1}]},"type":"thing"}`
	const env = `CNI_COMMAND=ADD
CNI_CONTAINERID=f4f00c0ff42fd0b37a3a98e6956523750b13a8e814050f1b2ddf1e26fa0d31ba
CNI_NETNS=/run/netns/x_a_7
CNI_IFNAME=eth0
CNI_PATH=/opt/bin
CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=x;K8S_POD_NAME=a;K8S_POD_UID=7
THING=1`
	if diff := cmp.Diff([]string{"/opt/bin/thing", env, conf}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got = nil
	if err := c.Del(t.Context(), pod()); err != nil {
		t.Fatal(err)
	}
	if got[1] != strings.Replace(env, "ADD", "DEL", 1) || got[2] != conf {
		t.Errorf("DEL was told %q", got)
	}
	if len(plugin.Config) != 3 {
		t.Errorf("the engine's own configuration became %v", plugin.Config)
	}
}

func TestFailureNamesThePod(t *testing.T) {
	c := cni.Chain{
		Plugin: engines.Plugin{Path: "/p", Config: map[string]any{}},
		Run:    func(context.Context, []string, string, ...string) error { return errors.New("no agent") },
	}
	if err := c.Add(t.Context(), pod()); err == nil || err.Error() != "CNI ADD of x/a: no agent" {
		t.Errorf("error %v", err)
	}
}
