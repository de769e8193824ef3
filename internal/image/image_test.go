package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/netassay/netassay/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// build makes an image of the enforcer as it is.
func build(t *testing.T) Options {
	t.Helper()
	if _, err := exec.LookPath("dpkg-query"); err != nil && os.Getenv("CI") == "" {
		t.Skip("no dpkg-query: images are built on Debian")
	}
	dir := t.TempDir()
	o := Options{
		Program: filepath.Join(dir, "enforcer"), Packages: EnforcerPackages(), Refs: []string{Ref("netassay/enforcer", "v0+test"), "netassay/enforcer:latest"},
		Archive: filepath.Join(dir, "image.tar"), Root: filepath.Join(dir, "root.tar"),
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", o.Program, "github.com/netassay/netassay/cmd/enforcer")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if err := Build(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// members are the files of a tar.
func members(t *testing.T, name string) map[string][]byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("%s: owner %d:%d, time %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
	}
}

// TestImage is one test, as building takes a while: the archive says what it holds, is
// reproducible, and its programs run with nothing of the machine beside the kernel.
func TestImage(t *testing.T) {
	o := build(t)
	t.Run("contents", func(t *testing.T) { testContents(t, o) })
	t.Run("reproducible", func(t *testing.T) { testReproducible(t, o) })
	t.Run("runs", func(t *testing.T) { testRuns(t, o) })
}

func testContents(t *testing.T, o Options) {
	parts := members(t, o.Archive)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(parts["manifest.json"], &manifest); err != nil || len(manifest) != 1 || len(manifest[0].Layers) != 1 {
		t.Fatalf("manifest %s: %v", parts["manifest.json"], err)
	}
	if got := strings.Join(manifest[0].RepoTags, " "); got != "netassay/enforcer:v0-test netassay/enforcer:latest" {
		t.Errorf("tags %s", got)
	}
	var config struct {
		Architecture, OS string
		RootFS           struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(parts[manifest[0].Config], &config); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	layer := sha256.Sum256(parts[manifest[0].Layers[0]])
	if config.OS != "linux" || config.Architecture == "" || len(config.RootFS.DiffIDs) != 1 || config.RootFS.DiffIDs[0] != "sha256:"+hex.EncodeToString(layer[:]) {
		t.Errorf("configuration %+v of layer %x", config, layer)
	}
	root := members(t, o.Root)
	for _, want := range []string{"enforcer", "usr/sbin/ipset", "usr/share/doc/iptables/copyright", "etc/protocols"} {
		if len(root[want]) == 0 {
			t.Errorf("no %s in the image", want)
		}
	}
}

func testReproducible(t *testing.T, o Options) {
	again := o
	again.Archive, again.Root = filepath.Join(t.TempDir(), "again.tar"), ""
	if err := Build(context.Background(), again); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(o.Archive)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(again.Archive)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("two builds differ: %d and %d bytes (%v)", len(a), len(b), err)
	}
}

func testRuns(t *testing.T, o Options) {
	sandbox.Require(t)
	root := t.TempDir()
	if out, err := exec.Command("tar", "-C", root, "-xf", o.Root).CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v: %s", err, out)
	}
	ns, err := sandbox.NewNetNS("")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	for _, tc := range []struct{ argv, stdin, want string }{
		{"/enforcer version", "", "enforcer "},
		{"/usr/sbin/iptables-nft --version", "", "nf_tables"},
		{"/usr/sbin/iptables-legacy --version", "", "legacy"},
		{"/usr/sbin/iptables-restore --version", "", "iptables-restore v"},
		{"/usr/sbin/ip6tables-save -t mangle", "", "*mangle"},
		{"/usr/sbin/ipset --version", "", "ipset v"},
		{"/usr/sbin/ipset restore", "create a hash:ip,port\nadd a 10.0.0.1,tcp:80\nadd a 10.0.0.1,sctp:80\n", ""},
		{"/usr/sbin/iptables-nft-restore -w 5 --noflush", rules, ""},
		{"/usr/sbin/iptables-legacy-restore -w 5 --noflush", rules, ""},
	} {
		t.Run(tc.argv, func(t *testing.T) {
			argv := strings.Fields(tc.argv)
			var out []byte
			err := ns.Do(func() (err error) {
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Dir, cmd.Stdin, cmd.Env = "/", strings.NewReader(tc.stdin), []string{"PATH=/usr/sbin"}
				cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
				out, err = cmd.CombinedOutput()
				return err
			})
			if err != nil || !strings.Contains(string(out), tc.want) {
				t.Errorf("%v: %s, want %q", err, out, tc.want)
			}
		})
	}
}

// rules use every extension that a plan does.
const rules = `*mangle
:NPE-T - [0:0]
-A NPE-T -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN
-A NPE-T -s 10.0.0.0/8 -m comment --comment x -m set ! --match-set a src,src -j DROP
-A NPE-T -p sctp -m multiport --dports 80,90:99 -j RETURN
COMMIT
`
