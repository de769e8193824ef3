package kindconfigs

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"
)

func TestNames(t *testing.T) {
	want := []string{"dual", "dual-nftables", "ipv4", "ipv4-nftables", "ipv6", "ipv6-nftables"}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownNameSaysWhatThereIs(t *testing.T) {
	_, err := Config("triple")
	if err == nil || !strings.Contains(err.Error(), `"triple"`) || !strings.Contains(err.Error(), "dual, dual-nftables, ipv4") {
		t.Errorf("got %v", err)
	}
	if _, err := Config(""); err == nil {
		t.Error("the empty name is a configuration")
	}
}

// parse reads a configuration as kind does, and refuses fields that kind doesn't know.
func parse(t *testing.T, name string) v1alpha4.Cluster {
	t.Helper()
	text, err := Config(name)
	if err != nil {
		t.Fatal(err)
	}
	var c v1alpha4.Cluster
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		t.Fatalf("parse: %v", err)
	}
	return c
}

func TestConfigs(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			c := parse(t, name)
			if c.Kind != "Cluster" || c.APIVersion != "kind.x-k8s.io/v1alpha4" || c.Name != "" {
				t.Errorf("is %s %s %q, want a Cluster of v1alpha4 without a name", c.Kind, c.APIVersion, c.Name)
			}
			if purpose, err := purposeOf(name); err != nil || len(purpose) < 20 || strings.HasPrefix(purpose, "#") {
				t.Errorf("first line says %q (%v)", purpose, err)
			}
			if !c.Networking.DisableDefaultCNI {
				t.Error("kind's own network plugin is on: it enforces policies")
			}
			checkNodes(t, c)
			checkFamilies(t, name, c.Networking)
			checkKubelet(t, c)
		})
	}
}

func checkNodes(t *testing.T, c v1alpha4.Cluster) {
	t.Helper()
	var roles []v1alpha4.NodeRole
	for _, n := range c.Nodes {
		roles = append(roles, n.Role)
		if n.Image != "" {
			t.Errorf("names the image %s, which a run decides", n.Image)
		}
	}
	want := []v1alpha4.NodeRole{v1alpha4.ControlPlaneRole, v1alpha4.WorkerRole, v1alpha4.WorkerRole}
	if diff := cmp.Diff(want, roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

// checkFamilies compares name, family and subnets with each other.
func checkFamilies(t *testing.T, name string, n v1alpha4.Networking) {
	t.Helper()
	family, mode, ok := strings.Cut(name, "-")
	if !ok {
		mode = "iptables"
	}
	if string(n.IPFamily) != family || string(n.KubeProxyMode) != mode {
		t.Errorf("family %s and kube-proxy %s, want %s and %s", n.IPFamily, n.KubeProxyMode, family, mode)
	}
	want := map[string]string{"ipv4": "4", "ipv6": "6", "dual": "46"}[family]
	for what, subnets := range map[string]string{"pods": n.PodSubnet, "Services": n.ServiceSubnet} {
		var got string
		for _, s := range strings.Split(subnets, ",") {
			p, err := netip.ParsePrefix(s)
			if err != nil || p != p.Masked() {
				t.Errorf("subnet of %s %q: %v", what, s, err)
			}
			got += map[bool]string{true: "4", false: "6"}[p.Addr().Is4()]
		}
		if got != want {
			t.Errorf("subnets of %s are of families %s, want %s", what, got, want)
		}
	}
}

func checkKubelet(t *testing.T, c v1alpha4.Cluster) {
	t.Helper()
	var patch struct {
		Kind, APIVersion string
		FailCgroupV1     *bool
		MaxOpenFiles     int
	}
	if len(c.KubeadmConfigPatches) != 1 {
		t.Fatalf("%d patches, want one", len(c.KubeadmConfigPatches))
	}
	if err := yaml.UnmarshalStrict([]byte(c.KubeadmConfigPatches[0]), &patch); err != nil {
		t.Fatalf("parse patch: %v", err)
	}
	if patch.Kind != "KubeletConfiguration" || patch.FailCgroupV1 == nil || *patch.FailCgroupV1 || patch.MaxOpenFiles != 20000 {
		t.Errorf("patch is %+v", patch)
	}
}

// purposeOf is what the configuration called name is for, in a line without the name.
func purposeOf(name string) (string, error) {
	text, err := Config(name)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimPrefix(first, "# "+name+": "), nil
}
