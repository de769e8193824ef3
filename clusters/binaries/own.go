package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/netassay/netassay/internal/flock"
)

// ownModule is the module that holds the programs of Own.
const ownModule = "github.com/netassay/netassay"

// ownNames are the programs of this project.
func ownNames() []string { return []string{"netassay", "enforcer", "probe"} }

// Own is the path of a program of this project: "netassay", "enforcer" or "probe". It
// is the file beside the running program if there is one, as after make build. Otherwise,
// as under go test, it is built in the current directory's module into the cache, statically;
// sources that have changed are noticed. Two callers at once are safe, and a program that
// runs while it is rebuilt keeps running as it was.
func Own(ctx context.Context, name string) (string, error) {
	if !slices.Contains(ownNames(), name) {
		return "", fmt.Errorf("find program %q: unknown name, valid are %s", name, strings.Join(ownNames(), ", "))
	}
	if exe, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(exe), name)
		if fi, err := os.Stat(beside); err == nil && isProgram(fi) {
			return beside, nil
		}
	}
	return buildOwn(ctx, name)
}

// buildOwn builds to a file that only builds touch, so that go build can see that there
// is nothing to do, and links the result to the name that callers get.
func buildOwn(ctx context.Context, name string) (string, error) {
	root, err := CacheRoot()
	if err != nil {
		return "", err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find current directory: %w", err)
	}
	checkout := moduleRoot(cwd)
	sum := sha256.Sum256([]byte(checkout))
	dir := filepath.Join(root, "own", hex.EncodeToString(sum[:])[:12])
	stage := filepath.Join(dir, "stage")
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory: %w: set NETASSAY_CACHE to a directory that can be written", err)
	}
	l, err := flock.Acquire(ctx, filepath.Join(dir, name+".lock"), nil, func(string) {})
	if err != nil {
		return "", err
	}
	defer l.Release()
	b := build{
		name: name, pkg: ownModule + "/cmd/" + name, dir: checkout, label: name,
		flags: []string{"-trimpath", "-buildvcs=false"},
	}
	staged, out := filepath.Join(stage, name), filepath.Join(dir, name)
	if !sameFile(staged, out) {
		_ = os.Remove(staged) // a killed build may have left half a file, which go build would trust
	}
	if err := b.compile(ctx, newProgress(nil), staged); err != nil {
		return "", err
	}
	if err := publish(staged, out); err != nil {
		return "", err
	}
	return out, nil
}

// moduleRoot is the nearest directory at or above dir that has a go.mod, or dir.
func moduleRoot(dir string) string {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

// publish makes out the same file as staged. go build replaces staged when it changes, so
// out keeps its content until the rename.
func publish(staged, out string) error {
	if sameFile(staged, out) {
		return nil
	}
	temp := tempName(out)
	_ = os.Remove(temp)
	if err := os.Link(staged, temp); err != nil {
		return fmt.Errorf("publish %s: %w", out, err)
	}
	if err := os.Rename(temp, out); err != nil {
		return fmt.Errorf("publish %s: %w", out, err)
	}
	return nil
}

// sameFile reports whether two names lead to one file. A name that leads nowhere does not.
func sameFile(a, b string) bool {
	fa, errA := os.Stat(a)
	fb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(fa, fb)
}
