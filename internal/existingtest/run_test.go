package existingtest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/runner"
)

// testExec runs commands by WebSocket, by SPDY, and over streams that break.
func (f *theirs) testExec(t *testing.T) {
	pods := f.admin.CoreV1().Pods(metav1.NamespaceDefault)
	_, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "e"},
		Spec: corev1.PodSpec{NodeName: f.lab.Nodes()[0], Containers: []corev1.Container{{
			Name: "c", Image: "agnhost", Args: []string{"pause"},
		}}},
	}, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the pod runs", func() bool {
		p, err := pods.Get(t.Context(), "e", metav1.GetOptions{})
		return err == nil && p.Status.Phase == corev1.PodRunning
	})
	for _, webSocket := range []bool{true, false} {
		t.Run(map[bool]string{true: "WebSocket", false: "SPDY"}[webSocket], func(t *testing.T) {
			p := f.front(t, theUser)
			p.noWebSocket.Store(!webSocket)
			c := p.open()
			var out bytes.Buffer
			must(t, c.Exec(t.Context(), "default", "e", "c", []string{"sh", "-c", "cat; echo done"},
				clusters.Streams{In: strings.NewReader("hello "), Out: &out}))
			if out.String() != "hello done\n" {
				t.Errorf("got %q", out.String())
			}
			var exit *clusters.ExitError
			if err := c.Exec(t.Context(), "default", "e", "c", []string{"sh", "-c", "exit 7"}, clusters.Streams{Out: &out}); !errors.As(err, &exit) || exit.Code != 7 {
				t.Errorf("exit 7: got %v", err)
			}
			if got := p.spdy > 0; got == webSocket {
				t.Errorf("%d SPDY streams", p.spdy)
			}
			if err := c.Exec(t.Context(), "default", "nobody", "c", []string{"true"}, clusters.Streams{Out: &out}); err == nil || errors.As(err, &exit) {
				t.Errorf("in a pod that is not there: got %v", err)
			}
			f.testBrokenExec(t, p, c)
		})
	}
}

// testBrokenExec: a command whose stream broke has no exit code, above all not 0.
func (f *theirs) testBrokenExec(t *testing.T, p *front, c *existing.Cluster) {
	t.Helper()
	started := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- c.Exec(t.Context(), "default", "e", "c", []string{"sh", "-c", "echo started; read never"},
			clusters.Streams{In: blocked{t.Context()}, Out: &signal{started}})
	}()
	select {
	case <-started:
	case err := <-ended:
		t.Fatalf("ended before it was cut: %v", err)
	}
	p.cut()
	var exit *clusters.ExitError
	if err := <-ended; err == nil || errors.As(err, &exit) {
		t.Errorf("a command whose stream was cut: got %v", err)
	}
}

// blocked is a reader that gives nothing until the test ends.
type blocked struct{ ctx context.Context }

func (b blocked) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

// signal closes the channel at the first write.
type signal struct{ c chan struct{} }

func (s *signal) Write(p []byte) (int, error) {
	if s.c != nil {
		close(s.c)
		s.c = nil
	}
	return len(p), nil
}

// play runs cases on the cluster behind p; on is told of each event.
func (p *front) play(t *testing.T, restricted bool, on func(runner.Event), names ...string) *v1.Run {
	t.Helper()
	c := p.open()
	client, err := kubernetes.NewForConfig(c.REST())
	must(t, err)
	fleet := probe.NewFleet()
	defer fleet.Close()
	run, err := runner.Run(t.Context(), runner.Config{
		Cluster: labImages{c}, Client: client, Fleet: fleet, Cases: load(t, names...), Engine: "installed",
		RunID: "e" + map[bool]string{true: "r", false: "p"}[restricted], Seed: 1, Restricted: restricted, Events: on,
		Timing: runner.Timing{Fixture: 2 * time.Minute, Deadline: 20 * time.Second},
	})
	must(t, err)
	for _, note := range run.Notes {
		t.Log(note)
	}
	return run
}

// labImages are called in the lab what they are called by suites.
type labImages struct{ *existing.Cluster }

func (labImages) Image(name string) string { return name }

// A whole run with the rights of the manifest, by nothing but the API server, while streams
// are cut and requests refused: the verdicts are those of the engine.
func (f *theirs) testRun(t *testing.T) {
	p := f.front(t, theUser)
	cuts := 0
	run := p.play(t, false, func(e runner.Event) {
		t.Log(e.Kind, e.Case, e.Message)
		if e.Kind == runner.CaseStarted || e.Kind == runner.FixtureReady {
			time.AfterFunc(700*time.Millisecond, func() {
				p.throttle.Store(5)
				n := p.cut()
				t.Logf("cut %d streams", n)
			})
			cuts++
		}
	}, "peer-pod-selector", "sctp-port", "life-pod-recreated")
	for _, c := range run.Cases {
		if c.Outcome != v1.Pass {
			t.Errorf("case %s: %s: %s", c.Name, c.Outcome, c.Reason)
		}
	}
	if cuts < len(run.Cases)+1 {
		t.Errorf("%d cuts, want one per case and fixture", cuts)
	}
}

// Pods that conform to the restricted standard probe all but SCTP and the nodes' own ports.
func (f *theirs) testRestricted(t *testing.T) {
	run := f.front(t, theUser).play(t, true, nil, "peer-pod-selector", "sctp-port", "node-as-destination")
	want := map[string]v1.Outcome{"peer-pod-selector": v1.Pass, "sctp-port": v1.Skipped, "node-as-destination": v1.Skipped}
	for _, c := range run.Cases {
		if c.Outcome != want[c.Name] {
			t.Errorf("case %s: %s, want %s: %s", c.Name, c.Outcome, want[c.Name], c.Reason)
		}
	}
}
