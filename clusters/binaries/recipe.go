package binaries

import (
	"crypto/sha256"
	_ "embed" // for the modules' files
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The modules that programs are built from. They stand apart from this project's own
// module: k8s.io/kubernetes replaces its staging modules by relative paths, so that only a
// main module with replacements of its own can build it, and the others' dependencies are
// none of this project's. The files have other names than go.mod and go.sum because a
// directory that has a go.mod can't be embedded, and main packages are in directories that the go
// command leaves out of ./... by their underscore.
var (
	//go:embed kubernetes.mod
	kubernetesMod string
	//go:embed kubernetes.sum
	kubernetesSum string
	//go:embed containerd.mod
	containerdMod string
	//go:embed containerd.sum
	containerdSum string
	//go:embed coredns.mod
	corednsMod string
	//go:embed coredns.sum
	corednsSum string
	//go:embed _coredns/main.go
	corednsMain string
	//go:embed _pause/main.go
	pauseMain string
)

// A recipe is what programs that share a module and flags are built from.
type recipe struct {
	name    string            // of the directory in the cache
	title   string            // for people
	version string            // of what is built
	files   map[string]string // of the module
	tags    string
	stamps  []string // variables that the linker sets
}

// recipeOf is the recipe of a program.
func recipeOf(n Name) recipe {
	switch n {
	case Containerd, ContainerdShim, Ctr:
		return recipe{
			name: "containerd", title: "containerd", version: ContainerdVersion,
			files: map[string]string{"go.mod": containerdMod, "go.sum": containerdSum},
			// Drivers of storage that nodes don't use.
			tags:   "no_btrfs,no_devmapper,no_aufs,no_zfs",
			stamps: []string{"github.com/containerd/containerd/v2/version.Version=" + ContainerdVersion},
		}
	case HostLocal, Loopback, PTP, Portmap:
		return recipe{
			name: "cni", title: "CNI plugins", version: CNIVersion,
			files:  map[string]string{"go.mod": containerdMod, "go.sum": containerdSum},
			stamps: []string{"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=" + CNIVersion},
		}
	case CoreDNS:
		return recipe{
			name: "coredns", title: "CoreDNS", version: CoreDNSVersion,
			files: map[string]string{"go.mod": corednsMod, "go.sum": corednsSum, "main.go": corednsMain},
		}
	case Pause:
		return recipe{
			name: "pause", title: "pause", version: "v1",
			files: map[string]string{"go.mod": "module " + ownModule + "/clusters/binaries/pause\n\ngo 1.26.0\n", "main.go": pauseMain},
		}
	default:
		return kubernetes()
	}
}

// kubernetes is the recipe of Kubernetes and etcd.
func kubernetes() recipe {
	const stamp = "k8s.io/component-base/version."
	major, minor, _ := strings.Cut(strings.TrimPrefix(Version, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	return recipe{
		name: "kubernetes", title: "Kubernetes", version: Version,
		files:  map[string]string{"go.mod": kubernetesMod, "go.sum": kubernetesSum},
		stamps: []string{stamp + "gitVersion=" + Version, stamp + "gitMajor=" + major, stamp + "gitMinor=" + minor},
	}
}

// flags are the flags of go build, without -o and the package. With them, a build gives
// the same bytes in every directory.
func (r recipe) flags() []string {
	flags := []string{"-trimpath", "-buildvcs=false", "-mod=readonly"}
	if r.tags != "" {
		flags = append(flags, "-tags="+r.tags)
	}
	link := []string{"-s", "-w"}
	for _, s := range r.stamps {
		link = append(link, "-X", s)
	}
	return append(flags, "-ldflags", strings.Join(link, " "))
}

// key names the directory of the cache. It changes with everything that goes into a build
// but the Go toolchain: what an older Go has built still is what was asked for, and a
// machine whose cache is full needs no Go at all.
func (r recipe) key() string {
	h := sha256.New()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		parts = append(parts, r.files[name])
	}
	for _, s := range append(parts, r.flags()...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return fmt.Sprintf("%s-%s-%s-%s", r.version, runtime.GOOS, runtime.GOARCH, hex.EncodeToString(h.Sum(nil))[:8])
}

// Key identifies what a program is built from: its version, platform, and a hash of its
// modules and flags. Two programs of one key and name are interchangeable.
func Key(n Name) string {
	r := recipeOf(n)
	return r.name + "-" + r.key()
}

// writeModule writes the module into dir.
func (r recipe) writeModule(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make build directory: %w", err)
	}
	for name, text := range r.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write build module: %w", err)
		}
	}
	return nil
}

// CacheRoot is the directory for all that netassay keeps between runs: NETASSAY_CACHE, or
// netassay in the user's cache directory.
func CacheRoot() (string, error) {
	if dir := os.Getenv("NETASSAY_CACHE"); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("resolve NETASSAY_CACHE: %w", err)
		}
		return abs, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w: set HOME or NETASSAY_CACHE", err)
	}
	return filepath.Join(dir, "netassay"), nil
}

// CacheDir is a directory in the cache at root, "" for CacheRoot. It may not exist yet.
func CacheDir(root string, elem ...string) (string, error) {
	if root == "" {
		var err error
		if root, err = CacheRoot(); err != nil {
			return "", err
		}
	}
	dir, err := filepath.Abs(filepath.Join(append([]string{root}, elem...)...))
	if err != nil {
		return "", fmt.Errorf("resolve cache directory: %w", err)
	}
	return dir, nil
}
