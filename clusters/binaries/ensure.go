package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/netassay/netassay/internal/flock"
)

// Options say what Ensure finds or builds, and how.
type Options struct {
	// Want are the programs that are needed; nil means all. Nothing else is built.
	Want []Name
	// Progress gets one line per event, or, when it is a terminal, one line that is
	// rewritten. Nil is silent.
	Progress io.Writer
	// CacheDir is used instead of CacheRoot when it isn't empty.
	CacheDir string
	// Pinned takes nothing from KUBEBUILDER_ASSETS: the programs are those of Key.
	Pinned bool
}

// Ensure returns the paths of the programs in o.Want. It takes each from the first of
// KUBEBUILDER_ASSETS (a directory that may hold only some), the cache, and a build from the
// Go module proxy (minutes, the first time).
//
// The error is one line that names the cure when there is one. When ctx ends, a running
// build is killed and the error wraps ctx's.
func Ensure(ctx context.Context, o Options) (Set, error) {
	want, err := inOrder(o.Want)
	if err != nil {
		return nil, err
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if o.Pinned {
		assets = ""
	}
	set, missing, err := fromAssets(assets, want)
	if err != nil || len(missing) == 0 {
		return set, err
	}
	p := newProgress(o.Progress)
	for len(missing) > 0 {
		c, err := openCache(o.CacheDir, recipeOf(missing[0]))
		if err != nil {
			return nil, err
		}
		var names []Name
		names, missing = c.split(missing)
		if err := c.provide(ctx, p, set, names); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// fromAssets finds what it can in dir, which a user has named, and says what is missing.
// An empty dir holds nothing.
func fromAssets(dir string, want []Name) (Set, []Name, error) {
	set := Set{}
	if dir == "" {
		return set, want, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("resolve KUBEBUILDER_ASSETS: %w", err)
	}
	if fi, err := os.Stat(abs); err != nil || !fi.IsDir() {
		return nil, nil, fmt.Errorf("KUBEBUILDER_ASSETS=%s is not a directory: correct it, or unset it to use the cache", dir)
	}
	var missing []Name
	for _, n := range want {
		path := filepath.Join(abs, string(n))
		fi, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			missing = append(missing, n)
		case err != nil:
			return nil, nil, fmt.Errorf("look for %s in KUBEBUILDER_ASSETS: %w", n, err)
		case !isProgram(fi):
			return nil, nil, fmt.Errorf("KUBEBUILDER_ASSETS: %s is not an executable file: mend or remove it", path)
		default:
			set[n] = path
		}
	}
	return set, missing, nil
}

// isProgram reports whether a file can be a program.
func isProgram(fi os.FileInfo) bool {
	return fi.Mode().IsRegular() && fi.Mode().Perm()&0o111 != 0 && fi.Size() > 0
}

// A cache is the directory that holds the programs of one recipe and platform.
type cache struct {
	dir    string
	recipe recipe
}

func openCache(root string, r recipe) (cache, error) {
	if root == "" {
		var err error
		if root, err = CacheRoot(); err != nil {
			return cache{}, err
		}
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return cache{}, fmt.Errorf("resolve cache directory: %w", err)
	}
	return cache{dir: filepath.Join(abs, r.name, r.key()), recipe: r}, nil
}

// split parts names into those that this cache is for and the others.
func (c cache) split(names []Name) (own, others []Name) {
	for _, n := range names {
		if recipeOf(n).name == c.recipe.name {
			own = append(own, n)
		} else {
			others = append(others, n)
		}
	}
	return own, others
}

// provide adds names to set, and builds what the cache lacks.
func (c cache) provide(ctx context.Context, p *progress, set Set, names []Name) error {
	if c.collect(set, names) {
		return nil
	}
	if err := c.complete(ctx, p, names); err != nil {
		return err
	}
	if !c.collect(set, names) {
		return fmt.Errorf("build %s: %s does not hold all of %s after the build", c.recipe.title, c.dir, join(names))
	}
	return nil
}

// missing are those of names that the cache lacks.
func (c cache) missing(names []Name) []Name {
	var out []Name
	for _, n := range names {
		if fi, err := os.Stat(filepath.Join(c.dir, string(n))); err != nil || !isProgram(fi) {
			out = append(out, n)
		}
	}
	return out
}

// collect adds names to set and reports whether the cache has all of them.
func (c cache) collect(set Set, names []Name) bool {
	if len(c.missing(names)) > 0 {
		return false
	}
	for _, n := range names {
		set[n] = filepath.Join(c.dir, string(n))
	}
	return true
}

// complete builds those of names that the cache lacks, alone among all processes that
// share the cache. What another process has built while this one waited is not built
// again.
func (c cache) complete(ctx context.Context, p *progress, names []Name) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("make cache directory: %w: set NETASSAY_CACHE to a directory that can be written", err)
	}
	done := func() bool { return len(c.missing(names)) == 0 }
	l, err := flock.Acquire(ctx, filepath.Join(c.dir, "lock"), done, func(holder string) {
		p.line("waiting for %s, which is building %s in %s", holder, c.recipe.title, c.dir)
	})
	if err != nil || l == nil {
		return err
	}
	defer l.Release()
	return c.build(ctx, p, c.missing(names))
}

// build builds names one after the other; the caller holds the cache's lock.
func (c cache) build(ctx context.Context, p *progress, names []Name) error {
	if len(names) == 0 {
		return nil
	}
	removeStale(c.dir)
	module := filepath.Join(c.dir, "module")
	if err := c.recipe.writeModule(module); err != nil {
		return err
	}
	p.line("building %s %s from the Go module proxy into %s: %s (once; some minutes)", c.recipe.title, c.recipe.version, c.dir, join(names))
	for i, n := range names {
		b := build{
			name: string(n), pkg: importPath(n), flags: c.recipe.flags(), dir: module,
			out: filepath.Join(c.dir, string(n)), label: fmt.Sprintf("%s (%d of %d)", n, i+1, len(names)),
		}
		if err := b.run(ctx, p); err != nil {
			return err
		}
	}
	p.line("%s complete", c.recipe.title)
	return nil
}
