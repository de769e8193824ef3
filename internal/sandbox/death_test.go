package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/internal/sandbox"
)

// partVar makes the test binary play a part in a sandbox that is nested in the tests' own,
// which stands for the host. The value's prefix says on which side it is.
const partVar = "SANDBOX_TEST_PART"

func TestMain(m *testing.M) {
	sandbox.InitIfAsked()
	side, part, ok := strings.Cut(os.Getenv(partVar), ":")
	switch {
	case !ok:
		sandbox.TestMain(m)
	case side == "in":
		os.Exit(play(part))
	default:
		code, err := sandbox.Enter(sandbox.Options{Env: []string{partVar + "=in:" + part}, ExtraFiles: handedIn(part)})
		if err != nil {
			fmt.Println(err)
			code = 99
		}
		os.Exit(code)
	}
}

func play(part string) int {
	switch part {
	case "exit7":
		return 7
	case "suicide":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "signals":
		return countInterrupts()
	case "busy":
		return beBusy()
	case "answer":
		return answerOnce()
	}
	return 98
}

// handedIn is what the part inside inherits: a socket of the network outside, for the one that
// answers on it.
func handedIn(part string) []*os.File {
	if part != "answer" {
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return nil
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(l.Addr())
	return []*os.File{f}
}

// answerOnce answers the first who calls at the socket that was handed in.
func answerOnce() int {
	l, err := net.FileListener(sandbox.ExtraFiles()[0])
	if err != nil {
		fmt.Println(err)
		return 96
	}
	c, err := l.Accept()
	if err != nil {
		return 95
	}
	fmt.Fprintln(c, "from inside")
	_ = c.Close()
	return 7
}

// beBusy makes everything that a run makes, says so, and waits to be killed.
func beBusy() int {
	n, err := sandbox.NewNetNS("busy")
	if err == nil {
		err = n.Do(func() error {
			if err := exec.Command("iptables", "-w", "-t", "mangle", "-N", "BUSY").Run(); err != nil {
				return err
			}
			// One that is ours and one that init has to adopt.
			return exec.Command("sh", "-c", "(sleep 1000 &); exec sleep 1001").Start()
		})
	}
	if err != nil {
		fmt.Println(err)
		return 97
	}
	fmt.Println("ready")
	select {}
}

// countInterrupts ends with the number of interrupts that came before SIGTERM.
func countInterrupts() int {
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	fmt.Println("ready")
	n := 0
	for s := range signals {
		if s == syscall.SIGTERM {
			break
		}
		n++
		fmt.Println("interrupted")
	}
	return n
}

// outer is the program outside of a nested sandbox.
type outer struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func begin(t *testing.T, part string) outer {
	t.Helper()
	sandbox.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), partVar+"=out:"+part)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return outer{cmd, bufio.NewScanner(out)}
}

func (o outer) expect(t *testing.T, line string) {
	t.Helper()
	if !o.lines.Scan() || o.lines.Text() != line {
		t.Fatalf("got %q, want %q (%v)", o.lines.Text(), line, o.lines.Err())
	}
}

func (o outer) exitCode(t *testing.T) int {
	t.Helper()
	for o.lines.Scan() {
		t.Log(o.lines.Text())
	}
	var exit *exec.ExitError
	if err := o.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.ProcessState.ExitCode()
}

// childrenOf are the processes whose parent is pid.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has just ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		child, err := strconv.Atoi(filepath.Base(dir))
		if fields := strings.Fields(rest); err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			out = append(out, child)
		}
	}
	return out
}

// descendants counts the processes of the nested sandbox, wherever they hang, by the mark
// that they inherit.
func descendants(t *testing.T) int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, dir := range dirs {
		environ, err := os.ReadFile(dir + "/environ")
		if err == nil && strings.Contains(string(environ), partVar+"=") {
			n++
		}
	}
	return n
}

func awaitDescendants(t *testing.T, want int) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for descendants(t) != want {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d processes, want %d", descendants(t), want)
		}
	}
}

func hostState(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, argv := range [][]string{{"iptables-save"}, {"ip", "netns"}, {"ip", "-o", "link"}, {"cat", "/proc/self/mountinfo"}} {
		text, err := exec.Command(argv[0], argv[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", argv, err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") { // a time stamp
				out.WriteString(line)
			}
		}
	}
	return out.String()
}

func TestKillOfAnyoneEndsAll(t *testing.T) {
	sandbox.Require(t)
	victims := map[string]func(t *testing.T, o outer) int{
		"outer": func(_ *testing.T, o outer) int { return o.Process.Pid },
		"init":  func(t *testing.T, o outer) int { t.Helper(); return only(t, childrenOf(t, o.Process.Pid)) },
		"worker": func(t *testing.T, o outer) int {
			t.Helper()
			init := only(t, childrenOf(t, o.Process.Pid))
			for _, pid := range childrenOf(t, init) {
				if args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); !strings.HasPrefix(string(args), "sleep") {
					return pid
				}
			}
			t.Fatal("init has no worker")
			return 0
		},
	}
	for name, victim := range victims {
		t.Run(name, func(t *testing.T) {
			before := hostState(t)
			o := begin(t, "busy")
			o.expect(t, "ready")
			// Outer, init, worker and two that sleep.
			awaitDescendants(t, 5)
			if err := syscall.Kill(victim(t, o), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			code := o.exitCode(t)
			if want := map[string]int{"outer": -1, "init": 137, "worker": 137}[name]; code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
			awaitDescendants(t, 0)
			if after := hostState(t); after != before {
				t.Errorf("the host changed.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

func only(t *testing.T, pids []int) int {
	t.Helper()
	if len(pids) != 1 {
		t.Fatalf("got children %v, want one", pids)
	}
	return pids[0]
}

func TestExitCodeOfWorkerIsPassedOn(t *testing.T) {
	for part, want := range map[string]int{"exit7": 7, "suicide": 128 + 9} {
		if got := begin(t, part).exitCode(t); got != want {
			t.Errorf("%s: exit code %d, want %d", part, got, want)
		}
	}
}

func TestInterruptReachesWorkerOnce(t *testing.T) {
	o := begin(t, "signals")
	o.expect(t, "ready")
	if err := o.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	o.expect(t, "interrupted")
	if err := o.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := o.exitCode(t); got != 1 {
		t.Errorf("worker saw %d interrupts, want 1", got)
	}
}

// No packet leaves a sandbox, but a socket that was opened outside stays in the network outside: by
// it a run can be asked how far it is.
func TestHandedInSocketAnswersOutside(t *testing.T) {
	o := begin(t, "answer")
	if !o.lines.Scan() {
		t.Fatal("nothing was said")
	}
	c, err := net.Dial("tcp", o.lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "from inside\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if code := o.exitCode(t); code != 7 {
		t.Errorf("exit code %d", code)
	}
}
