package process_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/netassay/netassay/clusters/lab/kubelet/process"
	"github.com/netassay/netassay/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// space is a pod's space in the network of the sandbox.
func space(t *testing.T, hostname string) *process.Space {
	t.Helper()
	sandbox.Require(t)
	s, err := process.NewSpace(hostname, func(fn func() error) error { return fn() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(s.KillAll(ctx), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func start(t *testing.T, s *process.Space, c process.Command) *process.Process {
	t.Helper()
	if c.Env == nil {
		c.Env = []string{path}
	}
	p, err := s.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sh(script string) []string { return []string{"sh", "-c", script} }

func TestExit(t *testing.T) {
	s := space(t, "h")
	for _, tc := range []struct {
		script string
		code   int
	}{{"exit 0", 0}, {"exit 9", 9}, {"kill -KILL $$", 137}, {"kill -TERM $$", 143}} {
		if exit := start(t, s, process.Command{Argv: sh(tc.script)}).Exit(); exit.Code != tc.code {
			t.Errorf("%s: code %d, want %d", tc.script, exit.Code, tc.code)
		}
	}
}

func TestStreams(t *testing.T) {
	s := space(t, "h")
	var out, errs bytes.Buffer
	p := start(t, s, process.Command{Argv: sh("cat; echo no >&2"), In: strings.NewReader("text"), Out: &out, Err: &errs})
	p.Exit()
	if out.String() != "text" || errs.String() != "no\n" {
		t.Errorf("out %q, err %q", out.String(), errs.String())
	}
	// Without streams there is /dev/null, which is at its end.
	if exit := start(t, s, process.Command{Argv: sh("cat; echo to nobody")}).Exit(); exit.Code != 0 {
		t.Errorf("code %d without streams", exit.Code)
	}
}

// TestInputThatDoesNotEnd: a process can end while its input has not.
func TestInputThatDoesNotEnd(t *testing.T) {
	s := space(t, "h")
	in, w := io.Pipe()
	defer w.Close()
	if exit := start(t, s, process.Command{Argv: sh("exit 3"), In: in}).Exit(); exit.Code != 3 {
		t.Errorf("code %d, want 3", exit.Code)
	}
}

func TestHostname(t *testing.T) {
	before, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	one, two := space(t, "pod-one"), space(t, "pod-two")
	var wg sync.WaitGroup
	for range 20 {
		for name, s := range map[string]*process.Space{"pod-one": one, "pod-two": two} {
			wg.Go(func() {
				var out bytes.Buffer
				p, err := s.Start(process.Command{Argv: []string{"hostname"}, Env: []string{path}, Out: &out})
				if err != nil {
					t.Error(err)
					return
				}
				if p.Exit(); out.String() != name+"\n" {
					t.Errorf("hostname %q, want %s", out.String(), name)
				}
			})
		}
	}
	wg.Wait()
	if after, err := os.Hostname(); err != nil || after != before {
		t.Errorf("own hostname is %q, %v; was %q", after, err, before)
	}
}

func TestStop(t *testing.T) {
	s := space(t, "h")
	ready := func(p *io.PipeReader) {
		t.Helper()
		if _, err := p.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	out, w := io.Pipe()
	p := start(t, s, process.Command{Argv: sh("trap 'exit 5' TERM; echo; while :; do sleep 0.01; done"), Out: w})
	ready(out)
	if exit := p.Stop(t.Context()); exit.Code != 5 {
		t.Errorf("code %d, want that of the TERM handler", exit.Code)
	}
	p.Kill() // an ended process is nobody
	p.Signal(9)
	out, w = io.Pipe()
	p = start(t, s, process.Command{Argv: sh("trap '' TERM; echo; while :; do sleep 0.01; done"), Out: w})
	ready(out)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if exit := p.Stop(ctx); exit.Code != 137 {
		t.Errorf("exit %+v, want killed", exit)
	}
}

// TestGroupDiesWithLeader: what a container's first process leaves behind is killed.
func TestGroupDiesWithLeader(t *testing.T) {
	s := space(t, "h")
	out, w := io.Pipe()
	p := start(t, s, process.Command{Argv: sh("sleep 4713 & echo $!; exit 0"), Out: w})
	pid := make([]byte, 16)
	n, err := out.Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	p.Exit()
	eventually(t, func() bool { return !alive(strings.TrimSpace(string(pid[:n]))) })
}

// alive reports whether the process exists and is no zombie.
func alive(pid string) bool {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(state, "Z")
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("not within 10s")
		}
	}
}

func TestKillAll(t *testing.T) {
	s := space(t, "h")
	out, w := io.Pipe()
	p := start(t, s, process.Command{
		Argv: sh("setsid sh -c 'trap \"\" TERM; setsid sleep 4714 & echo $! $$; sleep 4714' & sleep 4714"), Out: w,
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(line[:n]))
	if err := s.KillAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %s lives", pid)
		}
	}
	if exit := p.Exit(); exit.Code != 137 {
		t.Errorf("exit %+v, want killed", exit)
	}
	if _, err := s.Start(process.Command{Argv: sh("exit 0"), Env: []string{path}}); !errors.Is(err, process.ErrEnded) {
		t.Errorf("start after the end: %v, want ErrEnded", err)
	}
}

func TestStartErrors(t *testing.T) {
	s := space(t, "h")
	for _, argv := range [][]string{nil, {""}, {"/no/such"}, {"no-such"}, {"/etc/passwd"}, {"/etc"}} {
		if _, err := s.Start(process.Command{Argv: argv, Env: []string{path}}); err == nil {
			t.Errorf("%q was started", argv)
		}
	}
	if _, err := s.Start(process.Command{Argv: []string{"sh"}}); err == nil {
		t.Error("sh was found without a PATH")
	}
}
