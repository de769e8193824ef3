package examples

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/netassay/netassay/clusters/binaries"
)

const (
	suiteModule = "github.com/netassay/netassay"
	// unpublished begins the versions of published; nobody else's does.
	unpublished = "v0.0.0-20200101000000-"
)

// ownEngine is the test of a repository that judges its own agent, here the enforcer, by
// the documented way.
const ownEngine = `package ci

import (
	"testing"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/command"
	"github.com/netassay/netassay/suites/e2e"
)

var suite = e2e.Suite{Engine: &command.Engine{
	Label: "my-engine",
	Command: func(n engines.Node) []string {
		return []string{AGENT, "--kubeconfig=" + n.Kubeconfig(), "--node-name=" + n.Name(), "--metrics-address=127.0.0.1:9099"}
	},
	Ready: command.ReadyAt("http://127.0.0.1:9099/readyz"),
}}

func TestMain(m *testing.M) { suite.Main(m) }

func TestNetworkPolicies(t *testing.T) { suite.Test(t) }
`

// TestForeignModule needs what a lab needs: iptables and ipset, root or user namespaces,
// and Kubernetes' programs (make binaries).
func TestForeignModule(t *testing.T) {
	t.Run("replaced by a directory", func(t *testing.T) {
		m := newForeign(t, nil, "v0.0.0", "replace "+suiteModule+" => "+checkout(t))
		m.plays(t, "reference", "-provider", "lab")
	})
	t.Run("its own engine", func(t *testing.T) {
		m := newForeign(t, nil, "v0.0.0", "replace "+suiteModule+" => "+checkout(t))
		agent := filepath.Join(t.TempDir(), "my-agent")
		run(t, checkout(t), nil, "go", "build", "-o", agent, "./cmd/enforcer")
		m.write(t, "policies/networkpolicy_test.go", strings.Replace(ownEngine, "AGENT", `"`+agent+`"`, 1))
		m.plays(t, "my-engine", "-provider", "lab")
	})
	t.Run("a version", func(t *testing.T) {
		version, env := published(t)
		m := newForeign(t, env, version, "")
		m.plays(t, "reference", "-provider", "lab")
	})
}

// TestForeignModuleOnKind needs root and Docker as well (make docker-up).
func TestForeignModuleOnKind(t *testing.T) {
	if os.Getenv("NETASSAY_KIND") == "" {
		t.Skip("needs Docker, root and minutes when the cache is empty: NETASSAY_KIND=1, after make docker-up")
	}
	m := newForeign(t, nil, "v0.0.0", "replace "+suiteModule+" => "+checkout(t))
	m.plays(t, "reference", "-provider", "kind")
}

// A foreign is the module of an engine's repository.
type foreign struct {
	dir string
	env []string
}

// newForeign makes a module that requires the suite at a version, with the example in it.
func newForeign(t *testing.T, env []string, version, more string) foreign {
	t.Helper()
	m := foreign{dir: t.TempDir(), env: env}
	m.write(t, "go.mod", "module example.test/engine\n\ngo 1.26.0\n\nrequire "+suiteModule+" "+version+"\n"+more+"\n")
	example, err := os.ReadFile("ci/networkpolicy_test.go")
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, "policies/networkpolicy_test.go", string(example))
	run(t, m.dir, m.env, "go", "mod", "tidy")
	return m
}

func (m foreign) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// plays runs a few cases, which must pass, be of that engine, and leave the user's files as
// they were.
func (m foreign) plays(t *testing.T, engine string, args ...string) {
	t.Helper()
	before := m.files(t)
	args = append([]string{"test", ".", "-count=1", "-v", "-timeout=20m", "-args", "--labels", "feature=EndPort", "-out", "results"}, args...)
	out := run(t, filepath.Join(m.dir, "policies"), m.env, append([]string{"go"}, args...)...)
	if !strings.Contains(out, "--- PASS: TestNetworkPolicies/port-range") {
		t.Errorf("no case of port ranges was played:\n%s", out)
	}
	report, err := os.ReadFile(filepath.Join(m.dir, "results", "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(report), "\n"); !strings.Contains(first, "PASS") || !strings.Contains(string(report), engine) {
		t.Errorf("the report does not say that %s passes:\n%s", engine, report)
	}
	if after := m.files(t); after != before {
		t.Errorf("go.mod or go.sum has changed:\n%s", after)
	}
}

// files are the files that belong to the user alone.
func (m foreign) files(t *testing.T) string {
	t.Helper()
	var all []byte
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(m.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return string(all)
}

// published serves the checkout as a version, by a proxy of files before the usual one. The
// module cache is the usual one too, which is rid of such versions before and afterwards.
// Other files are another version: go takes what it once knew of one to be true forever.
func published(t *testing.T) (version string, env []string) {
	t.Helper()
	files := tracked(t)
	version = unpublished + sum(t, files)
	proxy := t.TempDir()
	dir := filepath.Join(proxy, suiteModule, "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile(filepath.Join(checkout(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		version + ".mod": string(gomod), version + ".info": `{"Version":"` + version + `","Time":"2020-01-01T00:00:00Z"}`, "list": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pack(t, filepath.Join(dir, version+".zip"), version, files)
	cache := strings.TrimSpace(run(t, proxy, nil, "go", "env", "GOMODCACHE"))
	forget(t, cache)
	t.Cleanup(func() { forget(t, cache) })
	usual := strings.TrimSpace(run(t, proxy, nil, "go", "env", "GOPROXY"))
	return version, []string{"GOPROXY=file://" + proxy + "," + usual, "GONOSUMDB=" + suiteModule}
}

// forget removes such versions from a module cache, whose directories can't be written, and
// the programs that were built of them.
func forget(t *testing.T, cache string) {
	t.Helper()
	programs, err := binaries.CacheRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{
		filepath.Join(cache, suiteModule+"@"+unpublished+"*"),
		filepath.Join(cache, "cache", "download", suiteModule, "@v", unpublished+"*"),
		filepath.Join(programs, "peers", "*-"+unpublished+"*"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if err := removeAll(path); err != nil {
				t.Error(err)
			}
		}
	}
}

// removeAll is os.RemoveAll for directories that can't be written.
func removeAll(root string) error {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(root))
}

// tracked are the files that git would publish of the checkout.
func tracked(t *testing.T) (files []source) {
	t.Helper()
	root := checkout(t)
	for name := range strings.SplitSeq(run(t, root, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, source{root, name})
		}
	}
	return files
}

// sum tells files apart by their names and contents.
func sum(t *testing.T, files []source) string {
	t.Helper()
	h := sha256.New()
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(f.root, f.name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n%s", f.name, len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// pack writes a module's zip.
func pack(t *testing.T, path, version string, files []source) {
	t.Helper()
	all := make([]modzip.File, len(files))
	for i, f := range files {
		all[i] = f
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := modzip.Create(out, module.Version{Path: suiteModule, Version: version}, all); err != nil {
		t.Fatalf("pack %s: %v", path, err)
	}
}

// source is a file below root.
type source struct{ root, name string }

func (s source) Path() string                 { return s.name }
func (s source) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(s.root, s.name)) }
func (s source) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(s.root, s.name)) }

func checkout(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run is what a command prints; a command that fails ends the test.
func run(t *testing.T, dir string, env []string, argv ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off"), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(argv, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}
