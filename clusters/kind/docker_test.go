package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// fakeDocker knows networks and containers, and does what this package asks for.
type fakeDocker struct {
	networks   []marked
	containers map[string][]string // by value of kindLabel
	removed    []string
	fail       map[string]error // by first argument
}

func (f *fakeDocker) run(_ context.Context, args ...string) (string, error) {
	switch args[0] {
	case "network":
		if err := f.fail["network"]; err != nil {
			return "", err
		}
		return f.network(args)
	case "ps":
		if slices.Contains(args, "--quiet") {
			return strings.Join(f.containers[filterValue(args, kindLabel)], "\n"), nil
		}
		return f.list(), nil
	case "rm":
		f.removed = append(f.removed, args[3:]...)
		for name, ids := range f.containers {
			f.containers[name] = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(args, id) })
		}
		return "", f.fail["rm"]
	}
	return "", fmt.Errorf("unknown command %q", args)
}

// list has one line per container: its cluster, and the network that it was made for.
func (f *fakeDocker) list() string {
	var lines []string
	for name, ids := range f.containers {
		network := name
		if strings.HasSuffix(name, "unmarked") {
			network = "kind"
		}
		for range ids {
			lines = append(lines, name+"\t"+network)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (f *fakeDocker) network(args []string) (string, error) {
	if args[1] == "rm" {
		f.removed = append(f.removed, "network "+args[2])
		f.networks = slices.DeleteFunc(f.networks, func(m marked) bool { return m.name == args[2] })
		return "", nil
	}
	want := filterValue(args, markLabel)
	var b strings.Builder
	for _, n := range f.networks {
		if want == "" || n.name == want {
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", n.name, n.name, n.dir, n.space)
		}
	}
	return b.String(), nil
}

// filterValue is what --filter wants of a label.
func filterValue(args []string, label string) string {
	i := slices.Index(args, "--filter")
	_, value, _ := strings.Cut(strings.TrimPrefix(args[i+1], "label="+label), "=")
	return value
}

func TestParseMarked(t *testing.T) {
	got := parseMarked("netassay-a1\tnetassay-a1\t/s/netassay-a1\tmnt:[1]\n" +
		"netassay-b2\tnetassay-c3\t/s\tmnt:[1]\n" + // a copied label
		"kind\tkind\t/s\tmnt:[1]\n" + // a copied label on somebody else's network
		"netassay-d4\n" +
		"netassay-e5\tnetassay-e5\t\t\n")
	want := []marked{{name: "netassay-a1", dir: "/s/netassay-a1", space: "mnt:[1]"}, {name: "netassay-e5"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(marked{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestClean: of clusters in every state those without an owner go, with all that is theirs,
// and no other is touched.
func TestClean(t *testing.T) {
	for _, tc := range []struct {
		name string
		all  bool
		want []string // of docker's objects
		left []string // directories
	}{
		{"orphans", false, []string{"dead-1", "dead-2", "network netassay-dead", "network netassay-vanished", "stray-1"}, []string{"netassay-kept", "netassay-live", "other"}},
		{"all", true, []string{
			"dead-1", "dead-2", "network netassay-dead", "far-1", "network netassay-far", "network netassay-kept",
			"live-1", "network netassay-live", "network netassay-vanished", "stray-1",
		}, []string{"other"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "kind")
			dir := func(name string) string { return filepath.Join(root, name) }
			claims := map[string]*claim{}
			for _, name := range []string{"netassay-live", "netassay-kept", "netassay-dead", "netassay-early"} {
				c, err := take(dir(name))
				if err != nil {
					t.Fatal(err)
				}
				claims[name] = c
			}
			defer claims["netassay-live"].lock.Close()
			if err := claims["netassay-kept"].keep(); err != nil {
				t.Fatal(err)
			}
			claims["netassay-dead"].lock.Close()  // as the kernel does when the owner is killed
			claims["netassay-early"].lock.Close() // before it had made a network
			if err := os.Mkdir(dir("other"), 0o700); err != nil {
				t.Fatal(err)
			}
			f := &fakeDocker{
				networks: []marked{
					{"netassay-dead", dir("netassay-dead"), mountSpace()},
					{"netassay-far", "/elsewhere/kind/netassay-far", "mnt:[1]"}, // of another container
					{"netassay-kept", dir("netassay-kept"), mountSpace()},
					{"netassay-live", dir("netassay-live"), mountSpace()},
					{"netassay-vanished", dir("netassay-vanished"), mountSpace()},
				},
				containers: map[string][]string{
					"netassay-dead": {"dead-1", "dead-2"}, "netassay-live": {"live-1"}, "netassay-far": {"far-1"},
					"kind": {"somebody"}, "netassay-unmarked": {"unmarked"}, // in the network of all others
					"netassay-stray": {"stray-1"},
				},
			}
			if _, err := (cleaner{docker: f.run, root: root}).clean(t.Context(), tc.all); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, f.removed); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.left, entries(t, root)); diff != "" {
				t.Errorf("directories left (-want +got):\n%s", diff)
			}
		})
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}

// TestCleanWithoutDocker: where kind was never used, a missing Docker is no news.
func TestCleanWithoutDocker(t *testing.T) {
	f := &fakeDocker{fail: map[string]error{"network": ErrNoDocker}}
	root := filepath.Join(t.TempDir(), "kind")
	if done, err := (cleaner{docker: f.run, root: root}).clean(t.Context(), false); err != nil || done != nil {
		t.Errorf("done %v, error %v, want neither", done, err)
	}
	c, err := take(filepath.Join(root, "netassay-a"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.lock.Close()
	if _, err := (cleaner{docker: f.run, root: root}).clean(t.Context(), false); !errors.Is(err, ErrNoDocker) {
		t.Errorf("error %v, want %v: something of ours may be there", err, ErrNoDocker)
	}
}

// TestRemoveFolderStaysHome: a marker can't make us remove a directory that is none of ours.
func TestRemoveFolderStaysHome(t *testing.T) {
	home := t.TempDir()
	for _, dir := range []string{home, filepath.Join(home, "netassay-a"), ""} {
		if err := os.MkdirAll(filepath.Join(home, "netassay-a"), 0o700); err != nil {
			t.Fatal(err)
		}
		c := cleaner{root: filepath.Join(home, "state", "kind")}
		if err := c.removeFolder(dir, "netassay-a"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(home, "netassay-a")); err != nil {
			t.Errorf("%q: %v", dir, err)
		}
	}
}

func TestLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "netassay-a")
	if got := look(dir, mountSpace()); got != orphaned {
		t.Errorf("without a directory: %s", got)
	}
	if got := look(dir, "mnt:[1]"); got != foreign {
		t.Errorf("directory in another mount namespace: %s", got)
	}
	c, err := take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := look(dir, mountSpace()); got != inUse {
		t.Errorf("locked: %s", got)
	}
	if _, err := take(dir); err == nil {
		t.Error("taken twice")
	}
	if left := entries(t, filepath.Dir(dir)); !slices.Equal(left, []string{"netassay-a"}) {
		t.Errorf("left beside it: %v", left)
	}
	if err := unix.Flock(int(c.lock.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if got := look(dir, mountSpace()); got != orphaned {
		t.Errorf("owner gone: %s", got)
	}
	if err := c.keep(); err != nil {
		t.Fatal(err)
	}
	if got := look(dir, mountSpace()); got != kept {
		t.Errorf("kept: %s", got)
	}
}

// TestRemoveTwice: what is gone already is no error.
func TestRemoveTwice(t *testing.T) {
	f := &fakeDocker{fail: map[string]error{"rm": errors.New("docker rm: exit status 1: Error: No such container: x")}, containers: map[string][]string{"netassay-a": {"x"}}}
	if err := docker(f.run).remove(t.Context(), "netassay-a"); err != nil {
		t.Error(err)
	}
	f.containers["netassay-a"] = []string{"x"}
	f.fail["rm"] = errors.New("docker rm: exit status 1: Cannot connect to the Docker daemon")
	if err := docker(f.run).remove(t.Context(), "netassay-a"); err == nil {
		t.Error("an error of docker was lost")
	}
}
