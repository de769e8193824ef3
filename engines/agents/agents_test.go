package agents_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
)

// spec is an engine whose agent says that it is in sync at the third question.
func spec(asked *atomic.Int32) agents.Spec {
	return agents.Spec{
		Name:     "thing",
		Argv:     func(n engines.Node) []string { return []string{"/bin/thing", n.Name()} },
		Env:      func(engines.Node) []string { return []string{"A=1"} },
		Deadline: time.Minute,
		Prepare: func(ctx context.Context, n engines.Node) error {
			return n.Run(ctx, "text", "tool")
		},
		Ready: func(context.Context, engines.Node) (agents.Question, error) {
			return func(context.Context) error {
				if asked.Add(1) < 3 {
					return errors.New("not yet")
				}
				return nil
			}, nil
		},
	}
}

func TestStartAsksUntilInSync(t *testing.T) {
	var asked atomic.Int32
	s := agents.Engine{Spec: spec(&asked)}
	n := &node{}
	if err := s.Start(t.Context(), []engines.Node{n}); err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 3 {
		t.Errorf("asked %d times, want 3", asked.Load())
	}
	want := "run tool\n\ttext\nstart thing-node1\n\tA=1\n\t/bin/thing\n\tnode1\n"
	if diff := cmp.Diff(want, n.Calls()); diff != "" {
		t.Errorf("on the node (-want +got):\n%s", diff)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]os.Signal{syscall.SIGTERM}, n.Processes()[0].Signals()); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

// After a kill nothing runs, and the engine starts anew.
func TestKill(t *testing.T) {
	var asked atomic.Int32
	s := agents.Engine{Spec: spec(&asked)}
	n := &node{}
	nodes := []engines.Node{n}
	for range 2 {
		if err := s.Start(t.Context(), nodes); err != nil {
			t.Fatal(err)
		}
		if err := s.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all := n.Processes()
	if len(all) != 2 {
		t.Fatalf("%d processes, want 2", len(all))
	}
	for i, p := range all {
		if diff := cmp.Diff([]os.Signal{syscall.SIGKILL}, p.Signals()); diff != "" {
			t.Errorf("signals to process %d (-want +got):\n%s", i, diff)
		}
		<-p.Done()
	}
}

// reachable is a node with a kubeconfig.
type reachable struct {
	*node
	kubeconfig string
}

func (r reachable) Kubeconfig() string { return r.kubeconfig }

// What agents need to find in the cluster is there before them, by a node's own way to it. It is
// installed until that goes well, and not again.
func TestInstall(t *testing.T) {
	n := reachable{&node{}, filepath.Join(t.TempDir(), "kubeconfig")}
	nodes := []engines.Node{n}
	refused, installed := true, 0
	s := agents.Engine{Spec: spec(new(atomic.Int32))}
	s.Install = func(_ context.Context, cfg *rest.Config, on []engines.Node) error {
		if refused {
			return errors.New("refused")
		}
		if len(n.Processes()) > 0 || cfg.Host != "https://api.example" || cfg.Dial == nil || len(on) != 1 {
			t.Errorf("beside %d agents, by way of %q, for %d nodes", len(n.Processes()), cfg.Host, len(on))
		}
		installed++
		return nil
	}
	if err := s.Start(t.Context(), nodes); err == nil || !strings.Contains(err.Error(), "install thing: read kubeconfig of node1") {
		t.Errorf("without a kubeconfig: %v", err)
	}
	const text = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- {name: c, cluster: {server: \"https://api.example\"}}\ncontexts:\n- {name: c, context: {cluster: c}}\n"
	if err := os.WriteFile(n.kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), nodes); err == nil || err.Error() != "install thing: refused" || len(n.Processes()) > 0 {
		t.Errorf("an error of the engine's: %v, and %d agents", err, len(n.Processes()))
	}
	refused = false
	for range 2 {
		if err := s.Start(t.Context(), nodes); err != nil {
			t.Fatal(err)
		}
		if err := s.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if installed != 1 {
		t.Errorf("installed %d times, want once", installed)
	}
}

// A start that fails says why and leaves no agent running.
func TestStartThatFails(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(s *agents.Spec, n *node)
		says  []string
	}{
		{"prepare", func(s *agents.Spec, _ *node) {
			s.Prepare = func(context.Context, engines.Node) error { return errors.New("no iptables") }
		}, []string{"prepare node1 for thing", "no iptables"}},
		{"start", func(_ *agents.Spec, n *node) {
			n.OnStart = func() (*process, error) { return nil, errors.New("no such file") }
		}, []string{"start thing on node1", "no such file"}},
		{"what to know", func(s *agents.Spec, _ *node) {
			s.Ready = func(context.Context, engines.Node) (agents.Question, error) { return nil, errors.New("no API") }
		}, []string{"thing on node1 has to know", "no API"}},
		{"too late", func(s *agents.Spec, _ *node) {
			s.Deadline = time.Millisecond
			s.Ready = func(context.Context, engines.Node) (agents.Question, error) {
				return func(context.Context) error { return errors.New("1 of 2 pods") }, nil
			}
		}, []string{"wait for thing on node1", "last: 1 of 2 pods"}},
		{"dies", func(s *agents.Spec, n *node) {
			n.OnStart = func() (*process, error) {
				p := newProcess(func(os.Signal) bool { return true })
				return p, p.Signal(os.Kill)
			}
			s.Ready = func(context.Context, engines.Node) (agents.Question, error) {
				return func(context.Context) error { return errors.New("not yet") }, nil
			}
		}, []string{"thing on node1 ended", "see the log thing-node1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked atomic.Int32
			s := agents.Engine{Spec: spec(&asked)}
			n := &node{}
			tc.spoil(&s.Spec, n)
			err := s.Start(t.Context(), []engines.Node{n})
			if err == nil {
				t.Fatal("started")
			}
			for _, say := range tc.says {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("error does not say %q: %v", say, err)
				}
			}
			for _, p := range n.Processes() {
				select {
				case <-p.Done():
				default:
					t.Error("an agent still runs")
				}
			}
		})
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	var asked atomic.Int32
	s := agents.Engine{Spec: spec(&asked)}
	n := &node{OnStart: func() (*process, error) {
		return newProcess(func(sig os.Signal) bool { return sig == os.Kill }), nil
	}}
	if err := s.Start(t.Context(), []engines.Node{n}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // stands for the grace being over
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]os.Signal{syscall.SIGTERM, os.Kill}, n.Processes()[0].Signals()); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

func TestSum(t *testing.T) {
	text := []byte(`# HELP a_count Some.
# TYPE a summary
a{operation="create",had_error="false",quantile="0.5"} NaN
a_count{had_error="false",operation="create"} 3
a_count{had_error="true",operation="create"} 1
a_count{had_error="false",operation="update"} 10
a_count_more 7
plain 1.5e+02
# TYPE h histogram
h_bucket{le="1"} 2
h_bucket{le="+Inf"} 5
h_sum 9
h_count 5
# TYPE g gauge
g{f="4"} 1.5
g{f="6"} 2
`)
	m, err := agents.ParseMetrics(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		metric string
		labels []string
		want   float64
		ok     bool
	}{
		{"a_count", nil, 14, true},
		{"a_count", []string{"operation", "create"}, 4, true},
		{"a_count", []string{"operation", "create", "had_error", "true"}, 1, true},
		{"a_count", []string{"operation", "crea"}, 0, false},
		{"plain", nil, 150, true},
		{"h_count", nil, 5, true},
		{"g", nil, 3.5, true},
		{"g", []string{"f", "6"}, 2, true},
		{"absent", nil, 0, false},
	} {
		got, ok := m.Sum(tc.metric, tc.labels...)
		if got != tc.want || ok != tc.ok {
			t.Errorf("%s%v: %g %v, want %g %v", tc.metric, tc.labels, got, ok, tc.want, tc.ok)
		}
	}
	if _, err := agents.ParseMetrics([]byte("broken x\n")); err == nil {
		t.Error("no error for a value that is no number")
	}
}
