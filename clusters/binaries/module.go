package binaries

import (
	"crypto/sha256"
	_ "embed" // for the module's files
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The module from which Kubernetes is built. It stands apart from this project's own
// module because k8s.io/kubernetes replaces its staging modules by relative paths: only a
// main module with replacements of its own can build it. The files have other names than
// go.mod and go.sum because a folder that has a go.mod can't be embedded.
var (
	//go:embed kubernetes.mod
	moduleMod string
	//go:embed kubernetes.sum
	moduleSum string
)

// buildFlags are the flags of go build, without -o and the package. With them, a build
// gives the same bytes in every folder.
func buildFlags() []string {
	stamp := "-X k8s.io/component-base/version."
	major, minor, _ := strings.Cut(strings.TrimPrefix(Version, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	return []string{
		"-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags", "-s -w " + stamp + "gitVersion=" + Version + " " +
			stamp + "gitMajor=" + major + " " + stamp + "gitMinor=" + minor,
	}
}

// cacheKey names the folder of the cache. It changes with everything that goes into a
// build but the Go toolchain: what an older Go has built still is what was asked for,
// and a machine whose cache is full needs no Go at all.
func cacheKey() string {
	h := sha256.New()
	for _, s := range append([]string{moduleMod, moduleSum}, buildFlags()...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return fmt.Sprintf("%s-%s-%s-%s", Version, runtime.GOOS, runtime.GOARCH, hex.EncodeToString(h.Sum(nil))[:8])
}

// writeModule writes the module into folder.
func writeModule(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make build folder: %w", err)
	}
	for name, text := range map[string]string{"go.mod": moduleMod, "go.sum": moduleSum} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write build module: %w", err)
		}
	}
	return nil
}

// CacheRoot is the folder for all that netassay keeps between runs: NETASSAY_CACHE, or
// netassay in the user's cache folder.
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
		return "", fmt.Errorf("find cache folder: %w: set HOME or NETASSAY_CACHE", err)
	}
	return filepath.Join(dir, "netassay"), nil
}
