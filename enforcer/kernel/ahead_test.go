package kernel_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAhead: rules of others ahead of our jump are told if they can let a packet by, and only
// then, and the jump stays where it is.
func TestAhead(t *testing.T) {
	onAll(t, func(w *world) {
		k := w.agent()
		p := cluster([]string{"10.9.0.0/16"}, "10.0.1.2")
		w.sync(k, p)
		for _, tc := range []struct {
			name        string
			put, remove []string
			want        []string
		}{
			{"accepts", []string{"-I FORWARD -p tcp -j ACCEPT"}, []string{"-D FORWARD -p tcp -j ACCEPT"}, []string{"FORWARD -p tcp -j ACCEPT"}},
			{"accepts what enters", []string{"-I PREROUTING -j ACCEPT"}, []string{"-D PREROUTING -j ACCEPT"}, []string{"PREROUTING -j ACCEPT"}},
			{"ends the chain", []string{"-I INPUT -j RETURN"}, []string{"-D INPUT -j RETURN"}, []string{"INPUT -j RETURN"}},
			{
				"accepts in a chain of a chain",
				[]string{":A - [0:0]", ":B - [0:0]", "-A A -j B", "-A B -p udp -j ACCEPT", "-I FORWARD -j A"},
				[]string{"-D FORWARD -j A", "-F A", "-F B", "-X A", "-X B"},
				[]string{"FORWARD -j A"},
			},
			{"does not come back", []string{":A - [0:0]", "-I FORWARD -g A"}, []string{"-D FORWARD -g A", "-X A"}, []string{"FORWARD -g A"}},
			{"drops", []string{"-I FORWARD -p udp -j DROP"}, []string{"-D FORWARD -p udp -j DROP"}, nil},
			{"comes back", []string{":A - [0:0]", "-A A -j RETURN", "-I FORWARD -j A"}, []string{"-D FORWARD -j A", "-F A", "-X A"}, nil},
			{"stands behind", []string{"-A FORWARD -j ACCEPT"}, []string{"-D FORWARD -j ACCEPT"}, nil},
		} {
			w.rules(tc.put...)
			if d := w.verify(k); d.Any() {
				t.Errorf("%s: drift: %+v", tc.name, d)
			}
			var got []string
			for _, rule := range k.Ahead() {
				got = append(got, strings.TrimPrefix(rule, "iptables -t mangle -A "))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
			w.rules(tc.remove...)
		}
		w.verify(k)
		if got := k.Ahead(); got != nil {
			t.Errorf("still told: %v", got)
		}
	})
}
