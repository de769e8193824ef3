package kind

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	kindconfigs "github.com/netassay/netassay/kind-configs"
)

func TestParse(t *testing.T) {
	for _, name := range kindconfigs.Names() {
		t.Run(name, func(t *testing.T) {
			raw, err := kindconfigs.Config(name)
			if err != nil {
				t.Fatal(err)
			}
			c, err := parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := prefixes(c.Networking.ServiceSubnet); err != nil {
				t.Error(err)
			}
			if want := !strings.HasPrefix(name, "ipv4"); hasIPv6(c) != want {
				t.Errorf("has IPv6: %v, want %v", hasIPv6(c), want)
			}
		})
	}
}

func TestParseRefusesWhatEnforces(t *testing.T) {
	_, err := parse([]byte("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"))
	if err == nil || !strings.Contains(err.Error(), "disableDefaultCNI") {
		t.Errorf("error %v, want one that names disableDefaultCNI", err)
	}
	if _, err := parse([]byte("nodes: 3")); err == nil {
		t.Error("nonsense was taken")
	}
}

func TestDefaultsOfKind(t *testing.T) {
	c, err := parse([]byte("networking: {disableDefaultCNI: true, ipFamily: dual}"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v1alpha4.IPTablesProxyMode, c.Networking.KubeProxyMode); diff != "" || c.Networking.ServiceSubnet == "" {
		t.Errorf("defaults are missing: %+v", c.Networking)
	}
}

func TestLines(t *testing.T) {
	var got []string
	w := lineWriter(func(line string) { got = append(got, line) })
	for _, part := range []string{"a", "b\nc", "\n\nd\n", "e"} {
		if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
			t.Fatalf("wrote %d of %q: %v", n, part, err)
		}
	}
	if want := []string{"ab", "c", "", "d"}; !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func TestLastLines(t *testing.T) {
	if got := lastLines(" a\nb\n c \nd\n", 2); got != "c | d" {
		t.Errorf("%q", got)
	}
	if got := lastLines("", 3); got != "" {
		t.Errorf("%q", got)
	}
}
