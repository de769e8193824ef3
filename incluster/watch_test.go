package incluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/reports"
)

// container starts the test binary as a container's process.
func container(t *testing.T, role, how, dir string) (cmd *exec.Cmd, ended <-chan error) {
	t.Helper()
	cmd = process.Grouped(context.Background(), "/proc/self/exe", role, how, dir)
	ended, err := process.Begin(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	return cmd, ended
}

// The kernel kills the container of an experiment: the other one leaves what was seen.
func TestKilledContainer(t *testing.T) {
	dir := t.TempDir()
	events := watchDirectory(t, dir)
	cmd, ended := container(t, "wrapper", "polite", dir)
	if !await(t, filepath.Join(OutPath(dir), ready)) {
		return
	}
	_, watched := container(t, "watcher", "-", dir)
	kill(t, cmd, ended)
	bounded(t, func() error { return <-watched })
	events.lastIsDone(t)
	document := string(results(t, dir)[reports.JUnitFile])
	checkColour(t, document, false)
	for _, want := range []string{"its container was killed", `name="one" time="0.000"></testcase>`, `type="Unfinished"`} {
		if !strings.Contains(document, want) {
			t.Errorf("no %q in\n%s", want, document)
		}
	}
}

// Sonobuoy's worker writes a done of its own when the API server doesn't tell it of any container
// beside it. It is taken back, and the experiment's own results are sent.
func TestForeignDoneIsRetracted(t *testing.T) {
	dir := t.TempDir()
	cmd, ended := container(t, "wrapper", "polite", dir)
	if !await(t, filepath.Join(OutPath(dir), ready)) {
		return
	}
	early, err := os.ReadFile(filepath.Join(dir, Alone)) // what the worker finds if it is not stopped
	if err != nil {
		t.Fatal(err)
	}
	checkColour(t, string(early), false)
	_, watched := container(t, "watcher", "-", dir)
	done := filepath.Join(dir, DoneFile)
	if err := os.WriteFile(done, []byte(filepath.Join(dir, "out.tar.gz")), 0o644); err != nil {
		t.Fatal(err)
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for late := time.After(20 * time.Second); exists(done); {
		select {
		case <-poll.C:
		case <-late:
			t.Fatal("the worker's done is still there: it would send half of the results")
		}
	}
	kill(t, cmd, ended)
	bounded(t, func() error { return <-watched })
	checkColour(t, string(results(t, dir)[reports.JUnitFile]), false)
}

// kill kills a container's process, and with it the experiment.
func kill(t *testing.T, cmd *exec.Cmd, ended <-chan error) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended //nolint:errcheck // it was killed
}

// Whenever the container is killed, results are there soon, and they are green only if the
// experiment had passed by then.
func TestKilledAtAnyInstant(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range 20 {
		how := []string{"pass", "polite"}[i%2]
		after := time.Duration(random.IntN(60)) * time.Millisecond
		t.Run(fmt.Sprintf("%s after %v", how, after), func(t *testing.T) {
			dir := t.TempDir()
			events := watchDirectory(t, dir)
			cmd, ended := container(t, "wrapper", how, dir)
			if !await(t, filepath.Join(dir, begunFile)) {
				return
			}
			_, watched := container(t, "watcher", "-", dir)
			select {
			case <-time.After(after):
				kill(t, cmd, ended)
			case <-ended: //nolint:errcheck // it may have been killed or not
			}
			bounded(t, func() error { return <-watched })
			events.lastIsDone(t)
			document := string(results(t, dir)[reports.JUnitFile])
			green := how == "pass" && !strings.Contains(document, "<error")
			checkColour(t, document, green)
			if green && !strings.Contains(document, `name="two"`) {
				t.Errorf("green without all cases:\n%s", document)
			}
		})
	}
}

// A container that is started again does not begin anew.
func TestStartedAgain(t *testing.T) {
	dir := t.TempDir()
	cmd, ended := container(t, "wrapper", "polite", dir)
	if !await(t, filepath.Join(OutPath(dir), ready)) {
		return
	}
	kill(t, cmd, ended)
	bounded(t, func() error { return Run(t.Context(), options("pass", dir)) })
	document := string(results(t, dir)[reports.JUnitFile])
	checkColour(t, document, false)
	if !strings.Contains(document, "started again") {
		t.Errorf("%s", document)
	}
}

// The experiment never starts; the pod is deleted before.
func TestWatchWithoutRun(t *testing.T) {
	t.Run("too late", func(t *testing.T) {
		dir := t.TempDir()
		bounded(t, func() error { return Watch(t.Context(), dir, time.Millisecond, t.Output()) })
		document := string(results(t, dir)[reports.JUnitFile])
		checkColour(t, document, false)
		if !strings.Contains(document, "it was not started within 1ms") {
			t.Errorf("%s", document)
		}
	})
	t.Run("results are there", func(t *testing.T) {
		dir := t.TempDir()
		bounded(t, func() error { return Run(t.Context(), options("pass", dir)) })
		bounded(t, func() error { return Watch(t.Context(), dir, time.Minute, t.Output()) })
		checkColour(t, string(results(t, dir)[reports.JUnitFile]), true)
	})
}

// What the experiment may take, and has to end, is known to the watcher from Run.
func TestWatcherKnowsTimes(t *testing.T) {
	run, w := place{dir: t.TempDir()}, watcher{}
	w.dir = run.dir
	if err := run.take(); err != nil {
		t.Fatal(err)
	}
	defer run.release()
	if err := run.begin(time.Hour, 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := w.look()
	if err != nil || !s.Begun || s.Free || s.Grace != 5*time.Minute || s.Late > -time.Hour || s.Late < -65*time.Minute {
		t.Errorf("%+v, %v", s, err)
	}
}

// A watcher that has given up the one with the lock does not write into its files.
func TestWriteBesideTheHolder(t *testing.T) {
	holder, other := place{dir: t.TempDir()}, place{}
	other.dir = holder.dir
	if err := holder.take(); err != nil {
		t.Fatal(err)
	}
	defer holder.release()
	err := holder.create(Archive, func(f *os.File) error {
		_, first := f.WriteString("all of ")
		between := other.write(Archive, []byte("what was there"))
		_, second := f.WriteString("it")
		return errors.Join(first, between, second)
	})
	text, readErr := os.ReadFile(holder.path(Archive))
	if err != nil || readErr != nil || string(text) != "all of it" {
		t.Errorf("%q, %v", text, errors.Join(err, readErr))
	}
}

// Results can be fetched as long as the container stays, which is no longer than it must.
func TestFetch(t *testing.T) {
	dir := t.TempDir()
	kept := make(chan struct{})
	go func() {
		Keep(t.Context(), dir, time.Minute)
		close(kept)
	}()
	var got bytes.Buffer
	fetched := make(chan error, 1)
	go func() { fetched <- Fetch(t.Context(), dir, &got) }()
	bounded(t, func() error { return Run(t.Context(), options("pass", dir)) })
	bounded(t, func() error { return <-fetched })
	want, err := os.ReadFile(filepath.Join(dir, Archive))
	if err != nil || !bytes.Equal(want, got.Bytes()) {
		t.Errorf("fetched %d of %d bytes: %v", got.Len(), len(want), err)
	}
	bounded(t, func() error { <-kept; return nil })
	Keep(t.Context(), t.TempDir(), time.Millisecond) // ends by itself
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Fetch(ctx, t.TempDir(), &got); err == nil {
		t.Error("fetched nothing, without an error")
	}
}
