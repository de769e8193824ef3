package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/flock"
)

// Options say where the image is kept and who is told.
type Options struct {
	// Progress gets a line per step, and one every few seconds of a long one. Nil is silent.
	Progress io.Writer
	// CacheDir is used instead of binaries.CacheRoot when it isn't empty.
	CacheDir string
}

// Image is the node image that Docker has.
type Image struct {
	Ref     string  // name and tag
	Built   bool    // it was built now
	Loaded  bool    // Docker did not have it before
	Seconds float64 // that all of this took
	Parts   []Part  // what took how long, when there was anything to do
}

// Part is a step of making the image.
type Part struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Ref is the name of the image that Ensure makes.
func Ref() string { return Repository + ":" + Hash() }

// Ensure makes sure that Docker has the node image: nothing has to be done when it has,
// else the archive in the cache is loaded, else it is built first, which takes minutes, root
// and the network (the Go module proxy, Debian's packages). Processes that want it at the
// same time build it once.
//
// When ctx ends, what runs is killed and nothing is left but what the cache may keep, and
// the image itself if Image.Loaded says so.
func Ensure(ctx context.Context, o Options) (Image, error) {
	start := time.Now()
	m := &maker{progress: o.Progress}
	if m.progress == nil {
		m.progress = io.Discard
	}
	img := Image{Ref: Ref()}
	err := m.ensure(ctx, o.CacheDir, &img)
	img.Seconds, img.Parts = time.Since(start).Seconds(), m.parts
	return img, err
}

// ensure fills img.
func (m *maker) ensure(ctx context.Context, cacheDir string, img *Image) error {
	have, err := present(ctx, img.Ref)
	if err != nil || have {
		return err
	}
	if m.cache, err = cacheFolder(cacheDir); err != nil {
		return err
	}
	l, err := flock.Acquire(ctx, filepath.Join(m.cache, "lock"), nil, func(holder string) {
		fmt.Fprintf(m.progress, "node image: waiting for %s, which is making it\n", holder)
	})
	if err != nil {
		return err
	}
	defer l.Release()
	if have, err = present(ctx, img.Ref); err != nil || have {
		return err
	}
	archive := Archived(m.cache)
	now := time.Now()
	if err := os.Chtimes(archive, now, now); errors.Is(err, os.ErrNotExist) { // else it's the last to go
		img.Built = true
		if err := m.build(ctx, archive); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	img.Loaded = true
	return m.step(ctx, "load into Docker", func(ctx context.Context) error { return load(ctx, archive) })
}

// Archived is where the archive of the image is in dir, the cache of node images.
func Archived(dir string) string { return filepath.Join(dir, "node-"+Hash()+".tar") }

// cacheFolder is the directory for node images in a cache, "" for the usual one.
func cacheFolder(root string) (string, error) {
	dir, err := binaries.CacheDir(root, "nodeimage")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory: %w: set NETASSAY_CACHE to a directory that can be written", err)
	}
	return dir, nil
}

// maker makes an image, step by step, and remembers what took how long.
type maker struct {
	cache    string // directory
	progress io.Writer
	parts    []Part
}

// compile is the step that builds programs.
const compile = "compile programs"

// tellEvery is how often a step says that it is still going on.
const tellEvery = 10 * time.Second

// step does a part of the work and says how far it is.
func (m *maker) step(ctx context.Context, name string, do func(context.Context) error) error {
	start := time.Now()
	fmt.Fprintf(m.progress, "node image: %s\n", name)
	done := make(chan struct{})
	var wg sync.WaitGroup
	if name != compile { // which speaks for itself
		wg.Go(func() { m.tell(name, start, done) })
	}
	err := do(ctx)
	close(done)
	wg.Wait()
	took := time.Since(start).Seconds()
	m.parts = append(m.parts, Part{Name: name, Seconds: took})
	if err != nil {
		return fmt.Errorf("build node image: %s: %w", name, err)
	}
	fmt.Fprintf(m.progress, "node image: %s took %.1f s\n", name, took)
	return nil
}

// tell says every so often that a step is going on, until done.
func (m *maker) tell(name string, start time.Time, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(tellEvery):
			fmt.Fprintf(m.progress, "node image: %s, %.0f s\n", name, time.Since(start).Seconds())
		}
	}
}
