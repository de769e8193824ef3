package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	for i, n := range missing {
		r := recipeOf(n)
		dir, err := CacheDir(o.CacheDir, r.name, r.key())
		if err != nil {
			return nil, err
		}
		b := build{
			name: string(n), pkg: importPath(n), flags: r.flags(),
			out: filepath.Join(dir, string(n)), label: fmt.Sprintf("%s (%d of %d)", n, i+1, len(missing)),
		}
		if set[n], err = b.once(ctx, p, fmt.Sprintf("%s of %s %s", n, r.title, r.version), r.writeModule); err != nil {
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
