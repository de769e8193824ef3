package testbed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/klog/v2"
)

var errBroken = errors.New("broken")

// Whatever fails on the way up, nothing of what was brought up is left, and nothing is
// taken down that was not.
func TestFailedUpLeavesNothing(t *testing.T) {
	for _, tc := range []struct {
		fail string
		did  []string
	}{
		{"make network", []string{"make network"}},
		{"make cluster", []string{"make network", "make cluster", "keep logs of network", "remove network"}},
		{"start on 2", []string{
			"make network", "make cluster", "start on 2",
			"keep logs of cluster", "remove cluster", "keep logs of network", "remove network",
		}},
	} {
		t.Run(tc.fail, func(t *testing.T) {
			w := newWorld()
			w.fail[tc.fail] = errBroken
			bed, err := up(t.Context(), Options{Provider: Lab, UnderTest: agent{w}}, Log{Say: func(string) {}}, w.start(near{}, nil))
			if bed != nil || !errors.Is(err, errBroken) {
				t.Errorf("a testbed %v, error %v", bed != nil, err)
			}
			if diff := cmp.Diff(tc.did, w.did); diff != "" {
				t.Errorf("deeds (-want +got):\n%s", diff)
			}
			if left := w.left(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A run that is interrupted on its way up is taken down by a context that lives, and keeps
// no logs: nobody waits for them.
func TestInterruptedUpLeavesNothing(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	start := w.start(near{}, nil)
	_, err := up(ctx, Options{Provider: Lab, UnderTest: agent{w}}, Log{Say: func(string) {}},
		func(ctx context.Context, o Options, log Log, bed *Testbed) error {
			defer cancel()
			return start(ctx, o, log, bed)
		})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	want := []string{"make network", "make cluster", "start on 2", "remove cluster", "remove network"}
	if diff := cmp.Diff(want, w.did); diff != "" || len(w.left()) > 0 {
		t.Errorf("left %v; deeds (-want +got):\n%s", w.left(), diff)
	}
}

func TestDown(t *testing.T) {
	for _, tc := range []struct {
		name string
		bed  func(w *world) (*Testbed, error)
		want []string // on the way down
		left []string
	}{
		{
			"engine on nodes",
			func(w *world) (*Testbed, error) {
				return up(t.Context(), Options{UnderTest: agent{w}}, Log{Say: func(string) {}}, w.start(near{}, nil))
			},
			[]string{"stop", "remove cluster", "remove network"},
			nil,
		},
		{
			"deployed engine goes with its cluster",
			func(w *world) (*Testbed, error) {
				return up(t.Context(), Options{UnderTest: daemonSet{agent{w}}}, Log{Say: func(string) {}}, w.start(remote{}, nil))
			},
			[]string{"remove cluster", "remove network"},
			[]string{"engine"},
		},
		{
			"deployed engine leaves a cluster that was there",
			func(w *world) (*Testbed, error) {
				return up(t.Context(), Options{UnderTest: daemonSet{agent{w}}}, Log{Say: func(string) {}}, wasThere(w))
			},
			[]string{"undeploy"},
			nil,
		},
		{
			"unless it is to be kept",
			func(w *world) (*Testbed, error) {
				return up(t.Context(), Options{UnderTest: daemonSet{agent{w}}, Keep: true}, Log{Say: func(string) {}}, wasThere(w))
			},
			nil,
			[]string{"engine"},
		},
		{
			"engine that was there",
			func(w *world) (*Testbed, error) {
				return up(t.Context(), Options{UnderTest: agent{w}}, Log{Say: func(string) {}}, wasThere(w))
			},
			nil, nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			bed, err := tc.bed(w)
			if err != nil {
				t.Fatal(err)
			}
			if bed.Engine != "agent" || len(bed.Unsupported) != 1 {
				t.Errorf("engine %s, which lacks %v", bed.Engine, bed.Unsupported)
			}
			w.did = nil
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			for range 2 {
				if err := bed.Down(ended, false); err != nil {
					t.Errorf("down: %v", err)
				}
			}
			if diff := cmp.Diff(tc.want, w.did); diff != "" {
				t.Errorf("deeds (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.left, w.left()); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

// An engine that can be killed is started again, also when what was to be done meanwhile was not.
func TestRestartEngine(t *testing.T) {
	w := newWorld()
	bed, err := up(t.Context(), Options{UnderTest: mortal{agent{w}}}, Log{Say: func(string) {}}, w.start(near{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	w.did = nil
	for _, want := range []error{nil, errBroken} {
		err := bed.RestartEngine(t.Context(), func(context.Context) error {
			w.did = append(w.did, "meanwhile")
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	want := []string{"kill", "meanwhile", "start on 2", "kill", "meanwhile", "start on 2"}
	if diff := cmp.Diff(want, w.did); diff != "" {
		t.Errorf("deeds (-want +got):\n%s", diff)
	}
	w = newWorld()
	other, err := up(t.Context(), Options{UnderTest: agent{w}}, Log{Say: func(string) {}}, w.start(near{}, nil))
	if err != nil || other.RestartEngine != nil {
		t.Errorf("an engine that can't be killed can be restarted, or: %v", err)
	}
}

// wasThere is a starter that starts nothing.
func wasThere(*world) starter {
	return func(_ context.Context, _ Options, _ Log, t *Testbed) error {
		t.Cluster, t.WasThere = remote{}, true
		return nil
	}
}

// What can't be removed keeps nothing else from being removed, and is told each time.
func TestDownGoesOnAfterAnError(t *testing.T) {
	w := newWorld()
	bed, err := up(t.Context(), Options{UnderTest: agent{w}}, Log{Say: func(string) {}}, w.start(near{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	w.fail["stop"], w.fail["remove cluster"] = errBroken, errBroken
	for range 2 {
		if err := bed.Down(t.Context(), false); err == nil || strings.Count(err.Error(), "broken") != 2 {
			t.Errorf("error %v", err)
		}
	}
	if diff := cmp.Diff([]string{"cluster", "engine"}, w.left()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// Down ends in a bounded time, also when what it waits for heeds no context.
func TestDownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		bed := &Testbed{Takedown: func(context.Context, bool) error { <-over; return nil }}
		start := time.Now()
		err := bed.Down(t.Context(), false)
		if took := time.Since(start); took != downTimeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("took %v, error %v", took, err)
		}
		close(over)
	})
}

// A program that dies ends the run, by its own error; the testbed is taken down as after any
// failure.
func TestDiedProgramEndsTheRun(t *testing.T) {
	w, died := newWorld(), make(chan error, 1)
	bed, err := up(t.Context(), Options{UnderTest: agent{w}}, Log{Say: func(string) {}}, w.start(near{}, died))
	if err != nil {
		t.Fatal(err)
	}
	own := given{bed}
	err = Run(t.Context(), Options{Provider: "own", Providers: map[string]Provider{"own": own}}, Log{}, func(ctx context.Context, got *Testbed) error {
		if got != bed {
			t.Error("another testbed")
		}
		died <- errBroken
		<-ctx.Done()
		return errors.New("of what became of it")
	})
	var why *DiedError
	if !errors.As(err, &why) || err.Error() != "broken" {
		t.Errorf("error %v", err)
	}
	if n := len(w.left()); n > 0 || !strings.Contains(strings.Join(w.did, ","), "keep logs of cluster,remove cluster") {
		t.Errorf("left %v after %v", w.left(), w.did)
	}
}

// given is a provider of the caller's.
type given struct{ bed *Testbed }

func (g given) Up(context.Context, Log) (*Testbed, error) {
	if g.bed == nil {
		return nil, errBroken
	}
	return g.bed, nil
}

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		failed bool
	}{
		{"passes", nil, false},
		{"fails", errBroken, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var downs []bool
			bed := &Testbed{Takedown: func(ctx context.Context, failed bool) error {
				downs = append(downs, failed)
				return ctx.Err()
			}}
			o := Options{Provider: "own", Providers: map[string]Provider{"own": given{bed}}}
			err := Run(t.Context(), o, Log{}, func(context.Context, *Testbed) error { return tc.err })
			if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff([]bool{tc.failed}, downs); diff != "" {
				t.Errorf("taken down as failed (-want +got):\n%s", diff)
			}
			if bed.Began.IsZero() {
				t.Error("nobody knows when it began")
			}
		})
	}
	o := Options{Provider: "own", Providers: map[string]Provider{"own": given{}}}
	if err := Run(t.Context(), o, Log{}, nil); !errors.Is(err, errBroken) {
		t.Errorf("error %v of a provider that fails", err)
	}
}

// picky is a provider that needs a sandbox and what it never gets.
type picky struct{ given }

func (picky) Prepare(context.Context) error { return errBroken }
func (picky) Check() error                  { return errBroken }

func TestEnterPreparesOutside(t *testing.T) {
	for _, tc := range []struct {
		provider string
		want     error
	}{
		{"own", nil}, // needs no sandbox
		{Kind, nil},
		{Existing, nil},
		{"picky", errBroken},
	} {
		o := Options{Provider: tc.provider, Providers: map[string]Provider{"own": given{}, "picky": picky{}}}
		if _, entered, err := Enter(t.Context(), o, nil); entered || !errors.Is(err, tc.want) {
			t.Errorf("%s: entered %v, error %v", tc.provider, entered, err)
		}
	}
}

// What client-go says goes to a file while the testbed is up, and nowhere afterwards.
func TestKlogIsRedirected(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	bed := &Testbed{}
	if err := bed.redirectKlog(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(klog.ClearLogger)
	klog.Info("a stream has ended")
	if err := bed.Down(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	klog.Info("too late")
	text, err := os.ReadFile(filepath.Join(dir, "client-go.log"))
	if err != nil || !strings.Contains(string(text), "a stream has ended") || strings.Contains(string(text), "too late") {
		t.Errorf("log %q, error %v", text, err)
	}
}
