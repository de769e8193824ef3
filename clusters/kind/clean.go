package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/netassay/netassay/internal/flock"
)

// Clean removes what killed runs have left behind and says of each thing what it did. A
// cluster whose owner lives stays, as does one that was kept, unless all is true. Clusters
// that don't carry our marker are not even looked at. Where there is no Docker there is
// nothing but directories to remove.
func Clean(ctx context.Context, all bool) (done []string, err error) {
	root, err := flock.StateDir("kind")
	if err != nil {
		return nil, err
	}
	return cleaner{docker: dockerCLI, root: root}.clean(ctx, all)
}

type cleaner struct {
	docker docker
	root   string
}

func (c cleaner) clean(ctx context.Context, all bool) (done []string, err error) {
	nets, err := c.docker.networks(ctx, "")
	if err != nil { // no Docker, or none that answers: of our directories none can be judged
		return c.withoutDocker(err)
	}
	var errs []error
	for _, n := range nets {
		how := look(n.dir, n.space)
		if how != orphaned && !all {
			if how != inUse {
				done = append(done, fmt.Sprintf("kind cluster %s stays: it is %s (--all removes it)", n.name, how))
			}
			continue
		}
		if err := c.docker.remove(ctx, n.name); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, c.removeFolder(n.dir, n.name))
		done = append(done, fmt.Sprintf("removed kind cluster %s", n.name))
	}
	strays, err := c.strays(ctx, nets)
	done, errs = append(done, strays...), append(errs, err)
	dirs, err := c.dirs(nets)
	return append(done, dirs...), errors.Join(append(errs, err)...)
}

// strays removes containers whose network is gone.
func (c cleaner) strays(ctx context.Context, nets []marked) (done []string, err error) {
	names, err := c.docker.strays(ctx, nets)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		if look(filepath.Join(c.root, name), mountSpace()) == inUse {
			continue // it began after nets was listed
		}
		if err := c.docker.remove(ctx, name); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, fmt.Sprintf("removed containers of kind cluster %s", name))
	}
	return done, errors.Join(errs...)
}

// withoutDocker: kind never worked here, or its daemon is away. The latter is an error
// only if something of ours waits for it.
func (c cleaner) withoutDocker(cause error) ([]string, error) {
	entries, err := os.ReadDir(c.root)
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 {
		return nil, nil
	}
	return nil, fmt.Errorf("look for kind clusters of ours, as %s is not empty: %w", c.root, cause)
}

// removeFolder removes the directory that a marker names, if that is where one of ours can be.
func (c cleaner) removeFolder(dir, name string) error {
	if filepath.Base(dir) != name || filepath.Base(filepath.Dir(dir)) != filepath.Base(c.root) {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove directory of cluster: %w", err)
	}
	return nil
}

// dirs removes those whose owner died before it had made a network, or after it had
// removed it.
func (c cleaner) dirs(nets []marked) (done []string, err error) {
	entries, err := os.ReadDir(c.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list directories of clusters: %w", err)
	}
	var errs []error
	for _, e := range entries {
		name, dir := e.Name(), filepath.Join(c.root, e.Name())
		known := slices.ContainsFunc(nets, func(n marked) bool { return n.name == name })
		if known || !isOurs(name) || look(dir, mountSpace()) == inUse {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			errs = append(errs, fmt.Errorf("remove directory of cluster: %w", err))
			continue
		}
		done = append(done, "removed directory of kind cluster "+name)
	}
	return done, errors.Join(errs...)
}
