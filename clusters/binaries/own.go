package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
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
// as under go test, it is built statically into the cache from the module that the current
// directory's module takes this project from: this checkout, a directory that a replace
// names, or a version. The user's own go.mod and go.sum are only read. Changed sources are
// noticed. Two callers at once are safe, and a program that runs while it is rebuilt keeps
// running as it was.
func Own(ctx context.Context, name string) (string, error) {
	if !slices.Contains(ownNames(), name) {
		return "", fmt.Errorf("find program %q: unknown name, valid are %s", name, strings.Join(ownNames(), ", "))
	}
	if exe, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(exe), name)
		if isProgramAt(beside) {
			return beside, nil
		}
	}
	m, err := required(ctx, name)
	if err != nil {
		return "", err
	}
	if m.Version != "" {
		p := Peer{Name: name, module: m, Package: ownModule + "/cmd/" + name}
		return p.ensure(ctx, newProgress(nil))
	}
	return buildOwn(ctx, name, m.Dir)
}

// required is this project's module as the current directory's module requires it. Its
// Version is empty when it is a directory that may change.
func required(ctx context.Context, name string) (module, error) {
	// -mod=readonly: a vendor directory has no programs of ours, nor our go.sum.
	out, log, err := ask(ctx, name, func(*exec.Cmd) {}, "list", "-m", "-mod=readonly", "-json=Path,Version,Sum,Dir,Replace", ownModule)
	if err != nil {
		if strings.Contains(log.tail(), "not a known dependency") || strings.Contains(log.tail(), "cannot match") {
			return module{}, fmt.Errorf("build %s: the module of this directory does not require %s: run in one that does, or put %s beside the test's binary", name, ownModule, name)
		}
		return module{}, err
	}
	var got struct {
		module
		Replace *module
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return module{}, fmt.Errorf("build %s: read go list: %w", name, err)
	}
	if got.Replace != nil {
		return *got.Replace, nil
	}
	return got.module, nil
}

// buildOwn builds in the module in checkout, to a file that only builds touch, so that go
// build can see that there is nothing to do, and links the result to the name that callers
// get.
func buildOwn(ctx context.Context, name, checkout string) (string, error) {
	sum := sha256.Sum256([]byte(checkout))
	dir, err := CacheDir("", "own", hex.EncodeToString(sum[:])[:12])
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, name)
	fresh := func() bool { return false } // which only go build knows
	return out, flock.Once(ctx, out+".lock", fresh, func(string) {}, func() error {
		stage := filepath.Join(dir, "stage")
		if err := os.MkdirAll(stage, 0o755); err != nil {
			return fmt.Errorf("make cache directory: %w", err)
		}
		staged := filepath.Join(stage, name)
		if !sameFile(staged, out) {
			_ = os.Remove(staged) // a killed build may have left half a file, which go build would trust
		}
		b := build{
			name: name, pkg: ownModule + "/cmd/" + name, dir: checkout, label: name,
			flags: []string{"-trimpath", "-buildvcs=false"},
		}
		if err := b.compile(ctx, newProgress(nil), staged); err != nil {
			return err
		}
		return link(staged, out)
	})
}

// link makes out the same file as staged. go build replaces staged when it changes, so
// out keeps its content until the rename.
func link(staged, out string) error {
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
