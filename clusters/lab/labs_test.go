package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/internal/sandbox"
)

// The tests here treat the sandbox that they run in as the host: labs start in sandboxes
// nested in it, and what they leave is seen from it.

// hostState is what must be equal before and after a lab.
func hostState(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, argv := range [][]string{
		{"iptables-save"},
		{"ip6tables-save"},
		{"nft", "list", "ruleset"},
		{"ipset", "save"},
		{"ip", "netns"},
		{"ip", "-o", "link"},
		{"ip", "-o", "addr"},
		{"ip", "route", "show", "table", "all"},
		{"cat", "/proc/self/mountinfo"},
	} {
		text, err := exec.Command(argv[0], argv[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", argv, err)
		}
		fmt.Fprintf(&out, "# %v\n", argv)
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") { // a time stamp
				out.WriteString(line)
			}
		}
	}
	return out.String()
}

// others are the processes besides init and this one, by pid.
func others(t *testing.T) map[int]string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]string{}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == 1 || pid == os.Getpid() {
			continue
		}
		if cmdline, err := os.ReadFile(dir + "/cmdline"); err == nil && len(cmdline) > 0 {
			out[pid] = strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return out
}

func noOthers(t *testing.T) {
	t.Helper()
	eventually(t, "no process left", func() (bool, error) {
		left := others(t)
		return len(left) == 0, fmt.Errorf("left: %v", left)
	})
}

func up(t *testing.T, labs lab.Labs, name string) lab.Status {
	t.Helper()
	s, err := labs.Up(t.Context(), lab.UpOptions{Config: lab.Config{
		Name: name, Nodes: 1, Programs: programs(t), Progress: func(s string) { t.Log(s) },
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func labsIn(t *testing.T) lab.Labs {
	t.Helper()
	sandbox.Require(t)
	programs(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	labs, err := lab.DefaultLabs()
	if err != nil {
		t.Fatal(err)
	}
	return labs
}

func TestUpAndDown(t *testing.T) {
	labs := labsIn(t)
	before := hostState(t)
	s := up(t, labs, "one")
	if s.State != lab.Ready || s.ReadySeconds <= 0 {
		t.Errorf("got %+v, want it ready", s)
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 1 {
		t.Errorf("through the door: got %v nodes, error %v, want 1", nodes, err)
	}
	if _, err := labs.Up(t.Context(), lab.UpOptions{Config: lab.Config{Name: "one", Programs: programs(t)}}); err == nil || !strings.Contains(err.Error(), "is up already") {
		t.Errorf("second lab of that name: got %v", err)
	}
	if done, err := labs.Clean(t.Context(), false); err != nil || len(done) > 0 {
		t.Errorf("clean touched a live lab: %v, %v", done, err)
	}
	if err := labs.Down(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if _, err := labs.Status("one"); !errors.Is(err, lab.ErrNoLab) {
		t.Errorf("got %v, want no lab", err)
	}
	noOthers(t)
	if after := hostState(t); after != before {
		t.Errorf("the host changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// victims are the processes of a lab whose death must take all with it.
func victims() map[string]func(args string, pid, init int) bool {
	return map[string]func(string, int, int) bool{
		"init":   func(_ string, pid, init int) bool { return pid == init },
		"worker": func(args string, pid, init int) bool { return pid != init && strings.HasSuffix(args, " lab killed") },
	}
}

func TestKilledLabLeavesNothing(t *testing.T) {
	for name, is := range victims() {
		t.Run(name, func(t *testing.T) {
			labs := labsIn(t)
			before := hostState(t)
			s := up(t, labs, "killed")
			killed := 0
			for pid, args := range others(t) {
				if is(args, pid, s.Pid) {
					killed++
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
			}
			if killed != 1 {
				t.Fatalf("killed %d processes of %v, want 1", killed, others(t))
			}
			noOthers(t)
			if after := hostState(t); after != before {
				t.Errorf("the host changed.\nbefore:\n%s\nafter:\n%s", before, after)
			}
			// A process that ends has no command line any more while it still holds its locks.
			eventually(t, "dead", func() (bool, error) {
				s, err := labs.Status("killed")
				return s.State == lab.Dead, fmt.Errorf("it is %s: %w", s.State, err)
			})
			done, err := labs.Clean(t.Context(), false)
			if err != nil || !slices.Equal(done, []string{"removed dead lab killed"}) {
				t.Errorf("clean: %v, %v", done, err)
			}
			if _, err := os.Stat(filepath.Dir(s.Logs)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("directory is left: %v", err)
			}
		})
	}
}

func TestCleanFindsLabWhoseFolderIsGone(t *testing.T) {
	labs := labsIn(t)
	s := up(t, labs, "lost")
	if err := os.RemoveAll(filepath.Dir(s.Logs)); err != nil {
		t.Fatal(err)
	}
	done, err := labs.Clean(t.Context(), false)
	if err != nil || len(done) != 1 || !strings.Contains(done[0], "stray") {
		t.Errorf("got %v, %v, want one stray ended", done, err)
	}
	noOthers(t)
}

func TestUpThatIsGivenUp(t *testing.T) {
	labs := labsIn(t)
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	_, err := labs.Up(ctx, lab.UpOptions{Config: lab.Config{Name: "hasty", Programs: programs(t)}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	noOthers(t)
}

func TestStateOfNoLab(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	labs, err := lab.DefaultLabs()
	if err != nil {
		t.Fatal(err)
	}
	if list, err := labs.List(); err != nil || len(list) > 0 {
		t.Errorf("got %v, %v, want none", list, err)
	}
	for name, call := range map[string]func() error{
		"status":     func() error { _, err := labs.Status("none"); return err },
		"down":       func() error { return labs.Down(t.Context(), "none") },
		"kubeconfig": func() error { _, err := labs.KubeconfigPath("none"); return err },
	} {
		if err := call(); !errors.Is(err, lab.ErrNoLab) {
			t.Errorf("%s: got %v, want no lab", name, err)
		}
	}
	if _, err := labs.Status("../x"); err == nil || errors.Is(err, lab.ErrNoLab) {
		t.Errorf("bad name: got %v", err)
	}
}

func TestDeadProgramMakesLabBroken(t *testing.T) {
	labs := labsIn(t)
	s := up(t, labs, "broken")
	for pid, args := range others(t) {
		if strings.Contains(args, "kube-controller-manager") {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "lab is broken", func() (bool, error) {
		var err error
		s, err = labs.Status("broken")
		return s.State == lab.Broken, err
	})
	if !strings.HasPrefix(s.Problem, "kube-controller-manager died: signal: killed") {
		t.Errorf("got problem %q", s.Problem)
	}
	if err := labs.Down(t.Context(), "broken"); err != nil {
		t.Error(err)
	}
	noOthers(t)
}
