//go:build mutants

package mutants

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/watch"
)

// frames are what the API server says of pods: of each, its name and, as label, its version.
func frames(t *testing.T, said ...string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	for i := 0; i < len(said); i += 3 {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: said[i+1], Namespace: "x", Labels: map[string]string{"v": said[i+2]}}}
		f, err := encode(event{of: apiwatch.EventType(said[i]), object: p}, runtime.TypeMeta{APIVersion: "v1", Kind: "Pod"})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(f))), f...))
	}
	return &b
}

// heard is what the enforcer is told of them.
func heard(t *testing.T, begin func(*node), in io.Reader) (out []string) {
	t.Helper()
	n := newNode("node1", slog.New(slog.DiscardHandler))
	if begin != nil {
		begin(n)
	}
	r, w := io.Pipe()
	go (&stream{kind: watch.Pods, node: n, in: in, out: w, initial: true}).pass()
	for {
		f, err := readFrame(r)
		if err != nil {
			return out
		}
		var e metav1.WatchEvent
		if err := e.Unmarshal(f); err != nil {
			t.Fatal(err)
		}
		if e.Type == string(apiwatch.Bookmark) {
			continue
		}
		o, _, err := decode(watch.Pods, e.Object.Raw)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Type, o.GetName(), o.GetLabels()["v"])
	}
}

// What is said reaches the enforcer as the fault has it, and without a fault as it is.
func TestTransport(t *testing.T) {
	said := []string{"ADDED", "a", "1", "BOOKMARK", "", "", "MODIFIED", "a", "2", "ADDED", "b", "1", "MODIFIED", "a", "3", "DELETED", "a", "3"}
	for _, tc := range []struct {
		name  string
		begin func(*node)
		want  []string
	}{
		{"right", nil, []string{"ADDED", "a", "1", "MODIFIED", "a", "2", "ADDED", "b", "1", "MODIFIED", "a", "3", "DELETED", "a", "3"}},
		{"old labels", labels(watch.Pods, keepOld), []string{"ADDED", "a", "1", "MODIFIED", "a", "1", "ADDED", "b", "1", "MODIFIED", "a", "1", "DELETED", "a", "3"}},
		{"new pods", lose(func(e event) bool { return e.gave == nil }), []string{"ADDED", "a", "1", "MODIFIED", "a", "2", "MODIFIED", "a", "3", "DELETED", "a", "3"}},
		{"deletions", loseKind(watch.Pods, apiwatch.Deleted), []string{"ADDED", "a", "1", "MODIFIED", "a", "2", "ADDED", "b", "1", "MODIFIED", "a", "3"}},
		{"every second", everyOf(2, relabelled), []string{"ADDED", "a", "1", "MODIFIED", "a", "2", "ADDED", "b", "1", "DELETED", "a", "3"}},
		{"late", late(time.Hour, func(e event) bool { return e.is(watch.Pods, apiwatch.Modified) }), []string{"ADDED", "a", "1", "ADDED", "b", "1", "DELETED", "a", "3"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, heard(t, tc.begin, frames(t, said...))); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRulesOfAFamily(t *testing.T) {
	rules := []string{"FWD -p udp -j ACCEPT", "4 IN -s 10.0.0.1 -j DROP", "6 IN -s fd00::1 -j DROP"}
	for tool, want := range map[string]string{
		"iptables-restore":  "-A MUTANT-FWD -p udp -j ACCEPT\n-A MUTANT-IN -s 10.0.0.1 -j DROP\n",
		"ip6tables-restore": "-A MUTANT-FWD -p udp -j ACCEPT\n-A MUTANT-IN -s fd00::1 -j DROP\n",
	} {
		if diff := cmp.Diff(want, of(tool, "-A", rules)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tool, diff)
		}
	}
}
