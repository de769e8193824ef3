package binaries

import (
	"cmp"
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
	"path"
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
	// Release is what people call the version, where the module proxy has no name for it.
	Release string
	// Edits are arguments of go mod edit, for a go.mod that can't be resolved from the proxy,
	// and Sums are go.sum's lines of the modules that come in by them.
	Edits, Sums []string
	// Keep are directories of the module that stay beside the program, each by the last element
	// of its path: what the engine's installation is made of.
	Keep []string
	// Tags are build tags; may be empty.
	Tags string
	// Beside are programs of the same module that the engine needs, built beside the program.
	Beside []Beside
}

// Beside is a further program of a peer's module.
type Beside struct {
	Name    string // file name of the program
	Package string // the main package, relative to the module
}

// Known is the version that people know the program by.
func (p Peer) Known() string { return cmp.Or(p.Release, p.Version) }

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
		calico(),
		cilium(),
		policies,
		xt,
	}
}

// calico is Felix, its agent. The proxy has tags of Calico as a module up to v1.11 only, and of
// what came later the commits that somebody asked for; this one is 11 commits after v3.28.4, the
// newest that can be had with a sum. Its module of API types is a directory that no zip holds.
func calico() Peer {
	const api = "github.com/projectcalico/api"
	const apiVersion = "v0.0.0-20240708202104-e3f70b269c2c"
	const stamp = " -X github.com/projectcalico/calico/felix/buildinfo."
	return Peer{
		Name: "calico",
		module: module{
			Path: "github.com/projectcalico/calico", Version: "v1.11.0-cni-plugin.0.20250813170300-a0db560f0520",
			Sum: "h1:TXnPEzx4pLWgwzCetIO/VJuz4iBZZrOdNSv16a50YqE=",
		},
		Release: "v3.28.4-11-ga0db560f0520",
		Package: "./felix/cmd/calico-felix", Stamp: stamp + "GitVersion=v3.28.4-11-ga0db560f0520" + stamp + "GitRevision=a0db560f0520",
		Edits: []string{"-replace=" + api + "=" + api + "@" + apiVersion},
		Sums:  []string{api + " " + apiVersion + " h1:eFyfeRDV94LA3tgbG2EC5W02dg3QUdltHc2jxhTQMCw="},
		Keep:  []string{"libcalico-go/config/crd"},
	}
}

// cilium is its agent and its CNI plugin; the BPF programs are compiled on the node, from sources
// that its images hold too. A dependency of it is pinned to a commit that the proxy refuses; the
// release that came of that commit takes its place.
func cilium() Peer {
	const bgp, bgpVersion = "github.com/osrg/gobgp/v4", "v4.7.0"
	return Peer{
		Name:    "cilium",
		module:  module{Path: "github.com/cilium/cilium", Version: "v1.20.2", Sum: "h1:dqiEGIcXc+gqCLYG/l7VCFJ8GHyb4HUrwbZOpkX5dL8="},
		Package: "./daemon", Stamp: "-X github.com/cilium/cilium/pkg/version.ciliumVersion=1.20.2",
		Edits: []string{"-require=" + bgp + "@" + bgpVersion},
		Sums: []string{
			bgp + " " + bgpVersion + " h1:KPnmJVDFx1AJ39ESNpzHukAzaQYa4kRR5c7BbuDJhuM=",
			bgp + " " + bgpVersion + "/go.mod h1:j1GLEuE20jm2YAoGmaHGb3y9lGH/KBgCBT4Ss5RY/wQ=",
		},
		Keep:   []string{"bpf", "pkg/k8s/apis/cilium.io/client/crds"},
		Tags:   "osusergo",
		Beside: []Beside{{Name: "cilium-cni", Package: "./plugins/cilium-cni"}},
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
	for _, b := range p.Beside {
		parts = append(parts, b.Name, b.Package)
	}
	for _, s := range slices.Concat(parts, p.Edits, p.Sums, p.Keep) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return fmt.Sprintf("%s-%s-%s-%s-%s", p.Name, p.Version, runtime.GOOS, runtime.GOARCH, hex.EncodeToString(h.Sum(nil))[:8])
}

// flags are those of go build. -mod=mod, because modules are tested with what their
// go.mod resolves to and don't promise a go.sum that is complete for every package.
func (p Peer) flags() []string {
	flags := []string{"-trimpath", "-buildvcs=false", "-mod=mod", "-ldflags", strings.TrimSpace("-s -w " + p.Stamp)}
	if p.Tags != "" {
		flags = append(flags, "-tags="+p.Tags)
	}
	return flags
}

// ensure is the path of the finished program.
func (p Peer) ensure(ctx context.Context, progress *progress) (string, error) {
	dir, err := CacheDir("", "peers", p.key())
	if err != nil {
		return "", err
	}
	b := build{name: p.Name, pkg: p.Package, flags: p.flags(), out: filepath.Join(dir, p.Name), label: p.Name}
	return b.once(ctx, progress, p.Name+" "+p.Known(), func(source string) error {
		if err := p.prepare(ctx, source, dir); err != nil {
			return err
		}
		return p.buildBeside(ctx, progress, source, dir)
	})
}

// buildBeside builds what stands beside the program, before it: where the program is, all is.
func (p Peer) buildBeside(ctx context.Context, progress *progress, source, dir string) error {
	for _, b := range p.Beside {
		one := build{name: b.Name, pkg: b.Package, flags: p.flags(), dir: source, out: filepath.Join(dir, b.Name), label: b.Name}
		if err := one.run(ctx, progress); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the module in source ready to be built, and puts what stays into dir.
func (p Peer) prepare(ctx context.Context, source, dir string) error {
	if err := p.fetch(ctx, p.Name, source); err != nil {
		return err
	}
	if p.Swap != nil {
		if err := p.Swap.apply(ctx, p.Name, source); err != nil {
			return err
		}
	}
	if err := p.edit(ctx, source); err != nil {
		return err
	}
	for _, k := range p.Keep {
		kept := filepath.Join(dir, path.Base(k))
		err := os.RemoveAll(kept) // what a killed build has left
		if err == nil {
			err = os.CopyFS(kept, os.DirFS(filepath.Join(source, filepath.FromSlash(k))))
		}
		if err != nil {
			return fmt.Errorf("build %s: keep %s: %w", p.Name, k, err)
		}
	}
	return nil
}

// edit changes what the module in source requires.
func (p Peer) edit(ctx context.Context, source string) error {
	if len(p.Edits) == 0 {
		return nil
	}
	in := func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = source, buildEnv() }
	if _, _, err := ask(ctx, p.Name, in, slices.Concat([]string{"mod", "edit"}, p.Edits, []string{"go.mod"})...); err != nil {
		return err
	}
	if err := appendTo(filepath.Join(source, "go.sum"), strings.Join(p.Sums, "\n")+"\n"); err != nil {
		return fmt.Errorf("build %s: pin what it requires: %w", p.Name, err)
	}
	return nil
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
