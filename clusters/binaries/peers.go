package binaries

import (
	"context"
	"crypto/sha256"
	_ "embed" // the file that is swapped
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// module is a Go module as the proxy has it.
type module struct {
	Path, Version string
	Sum           string // of its content, as in a go.sum
	Dir           string // of its verified source; downloaded when empty
}

// A Peer is another project's program, an engine but for one, built from its Go module with
// the dependencies that the module itself names: as a main module, not as a dependency of
// this one.
type Peer struct {
	Name string // file name of the program
	module
	Package string // the main package, relative to the module
	Stamp   string // what the linker is told of the version; may be empty
	Swap    *Swap  // a file that is not as it was published; nil in all but one
}

// Swap is a file of a dependency that is replaced in a build.
type Swap struct {
	module
	File string // in that module
	With []byte
}

//go:embed _xtqueue/queue.go
var xtQueue []byte

// Peers are other projects' engines.
func Peers() []Peer {
	policies := Peer{
		Name:    "kube-network-policies",
		module:  module{Path: "sigs.k8s.io/kube-network-policies", Version: "v1.1.0", Sum: "h1:UM2m/TdfmWgHClGnrKA+mevqG+OH4883kfup4DnXsHs="},
		Package: "./cmd/kube-network-policies/standard",
	}
	// The same program for a kernel without CONFIG_NFT_QUEUE: its rules call the xtables
	// target NFQUEUE where they have nftables' queue statement.
	xt := policies
	xt.Name += "-xtqueue"
	xt.Swap = &Swap{
		module: module{Path: "github.com/google/nftables", Version: "v0.3.0", Sum: "h1:bkyZ0cbpVeMHXOrtlFc8ISmfVqq5gPJukoYieyVmITg="},
		File:   "expr/queue.go", With: xtQueue,
	}
	return []Peer{
		{
			Name:    "azure-npm",
			module:  module{Path: "github.com/Azure/azure-container-networking", Version: "v1.7.0", Sum: "h1:8AzGE1K7SM9Aqk0esza8MCAP3RblTviiUWvJKXFaaCc="},
			Package: "./npm/cmd", Stamp: "-X main.version=v1.7.0",
		},
		{
			Name:    "kube-router",
			module:  module{Path: "github.com/cloudnativelabs/kube-router", Version: "v1.6.1", Sum: "h1:b+DzpRig0UyZN/EOEWejai3VCiG3z3Lm4vfNYLv102Q="},
			Package: "./cmd/kube-router", Stamp: "-X github.com/cloudnativelabs/kube-router/pkg/version.Version=v1.6.1",
		},
		policies,
		xt,
	}
}

// kwok is no engine: it plays the kubelets of hollow nodes.
func kwok() Peer {
	return Peer{
		Name:    "kwok",
		module:  module{Path: "sigs.k8s.io/kwok", Version: "v0.8.0", Sum: "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ="},
		Package: "./cmd/kwok", Stamp: "-X sigs.k8s.io/kwok/pkg/consts.Version=v0.8.0",
	}
}

// LookupPeer is the engine, or kwok, of that name.
func LookupPeer(name string) (Peer, bool) {
	all := append(Peers(), kwok())
	i := slices.IndexFunc(all, func(p Peer) bool { return p.Name == name })
	if i < 0 {
		return Peer{}, false
	}
	return all[i], true
}

// Finder finds programs by name: those of this project as Own does, other projects' in the
// cache, built from the Go module proxy when they are not there yet (some minutes), with
// progress as in Options.
func Finder(progress io.Writer) func(ctx context.Context, name string) (string, error) {
	return func(ctx context.Context, name string) (string, error) {
		if p, ok := LookupPeer(name); ok {
			return p.ensure(ctx, newProgress(progress))
		}
		return Own(ctx, name)
	}
}

// key names the directory of the cache; it changes with everything that goes into a build
// but the Go toolchain, as cacheKey does.
func (p Peer) key() string {
	h := sha256.New()
	parts := append([]string{p.Path, p.Version, p.Sum, p.Package}, p.flags()...)
	if s := p.Swap; s != nil {
		parts = append(parts, s.Path, s.Version, s.Sum, s.File, string(s.With))
	}
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return fmt.Sprintf("%s-%s-%s-%s-%s", p.Name, p.Version, runtime.GOOS, runtime.GOARCH, hex.EncodeToString(h.Sum(nil))[:8])
}

// flags are those of go build. -mod=mod, because modules are tested with what their
// go.mod resolves to and don't promise a go.sum that is complete for every package.
func (p Peer) flags() []string {
	return []string{"-trimpath", "-buildvcs=false", "-mod=mod", "-ldflags", strings.TrimSpace("-s -w " + p.Stamp)}
}

// ensure is the path of the finished program.
func (p Peer) ensure(ctx context.Context, progress *progress) (string, error) {
	dir, err := CacheDir("", "peers", p.key())
	if err != nil {
		return "", err
	}
	b := build{name: p.Name, pkg: p.Package, flags: p.flags(), out: filepath.Join(dir, p.Name), label: p.Name}
	return b.once(ctx, progress, p.Name+" "+p.Version, func(source string) error {
		err := p.fetch(ctx, p.Name, source)
		if err == nil && p.Swap != nil {
			err = p.Swap.apply(ctx, p.Name, source)
		}
		return err
	})
}

// swapped is the directory of the dependency in a module's source; go's patterns leave it out.
const swapped = "_swapped"

// apply lets the module in source, which program name is built from, use a copy of the
// dependency with the other file.
func (s *Swap) apply(ctx context.Context, name, source string) error {
	dir := filepath.Join(source, swapped)
	if err := s.fetch(ctx, name, dir); err != nil {
		return err
	}
	err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(s.File)), s.With, 0o644)
	if err == nil {
		err = appendTo(filepath.Join(source, "go.mod"), "\nreplace "+s.Path+" => ./"+swapped+"\n")
	}
	if err != nil {
		return fmt.Errorf("build %s: swap %s of %s: %w", name, s.File, s.Path, err)
	}
	return nil
}

func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// fetch puts the module's source into dir, where program name is built from it and go
// build may complete its go.sum: a directory of the module cache can't be built in as a main
// module.
func (m module) fetch(ctx context.Context, name, dir string) error {
	from, err := m.source(ctx, name)
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil { // writable, whatever it was
		return fmt.Errorf("copy module %s: %w", m.Path, err)
	}
	return nil
}

// source is the directory of the module's verified source, which is only read.
func (m module) source(ctx context.Context, name string) (string, error) {
	if m.Dir != "" {
		return m.Dir, nil
	}
	got, err := m.download(ctx, name)
	if err != nil {
		return "", err
	}
	if got.Sum != m.Sum {
		return "", fmt.Errorf("build %s: module %s %s has sum %s, want %s: look at GOPROXY, then clean the module cache", name, m.Path, m.Version, got.Sum, m.Sum)
	}
	return got.Dir, nil
}

// Source is the directory of a Go module's source, downloaded when it isn't there, for those
// who build name from it and only read it. sum is that of its content, as in a go.sum.
func Source(ctx context.Context, name, path, version, sum string) (string, error) {
	return module{Path: path, Version: version, Sum: sum}.source(ctx, name)
}

// downloaded is what go mod download says of a module.
type downloaded struct {
	Dir, Sum, Error string
}

func (m module) download(ctx context.Context, name string) (downloaded, error) {
	outside := func(cmd *exec.Cmd) { // of any module: the version is the one that is named
		cmd.Dir, cmd.Env = os.TempDir(), buildEnv()
	}
	out, _, err := ask(ctx, name, outside, "mod", "download", "-json", m.Path+"@"+m.Version)
	var got downloaded
	// Also when it fails, go says why in the JSON.
	if json.Unmarshal(out, &got) == nil && got.Error != "" && ctx.Err() == nil {
		return got, explain(name, got.Error, errors.New("download its module"))
	}
	return got, err
}
