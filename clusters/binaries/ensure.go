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

// isProgramAt reports whether there is a program at path.
func isProgramAt(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && isProgram(fi)
}

// A cache is the directory that holds the programs of one recipe and platform.
type cache struct {
	dir    string
	recipe recipe
}

func openCache(root string, r recipe) (cache, error) {
	dir, err := CacheDir(root, r.name, r.key())
	return cache{dir: dir, recipe: r}, err
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

// provide adds names to set. It builds what the cache lacks, alone among all processes that
// share the cache; what another one has built while this one waited is not built again.
func (c cache) provide(ctx context.Context, p *progress, set Set, names []Name) error {
	done := func() bool { return len(c.missing(names)) == 0 }
	err := flock.Once(ctx, filepath.Join(c.dir, "lock"), done, p.waiting(c.recipe.title, c.dir), func() error {
		return c.build(ctx, p, c.missing(names))
	})
	if err != nil {
		return err
	}
	if !done() {
		return fmt.Errorf("build %s: %s does not hold all of %s after the build", c.recipe.title, c.dir, join(names))
	}
	for _, n := range names {
		set[n] = c.path(n)
	}
	return nil
}

// path is where the cache has a program.
func (c cache) path(n Name) string { return filepath.Join(c.dir, string(n)) }

// missing are those of names that the cache lacks.
func (c cache) missing(names []Name) []Name {
	var out []Name
	for _, n := range names {
		if !isProgramAt(c.path(n)) {
			out = append(out, n)
		}
	}
	return out
}

// build builds names one after the other; the caller holds the cache's lock.
func (c cache) build(ctx context.Context, p *progress, names []Name) error {
	removeStale(c.dir)
	module := filepath.Join(c.dir, "module")
	if err := c.recipe.writeModule(module); err != nil {
		return err
	}
	p.line("building %s %s from the Go module proxy into %s: %s (once; some minutes)", c.recipe.title, c.recipe.version, c.dir, join(names))
	for i, n := range names {
		b := build{
			name: string(n), pkg: importPath(n), flags: c.recipe.flags(), dir: module,
			out: c.path(n), label: fmt.Sprintf("%s (%d of %d)", n, i+1, len(names)),
		}
		if err := b.run(ctx, p); err != nil {
			return err
		}
	}
	p.line("%s complete", c.recipe.title)
	return nil
}
