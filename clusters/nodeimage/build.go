package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/image"
)

// build makes archive. The caller holds the cache's lock.
func (m *maker) build(ctx context.Context, archive string) error {
	if os.Geteuid() != 0 {
		return errors.New("build node image: only root can install Debian into a directory: run as root, or name a published image by --node-image")
	}
	stale, err := filepath.Glob(filepath.Join(m.cache, "work-*"))
	if err != nil {
		return fmt.Errorf("look for what killed builds have left: %w", err)
	}
	for _, dir := range stale {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what a killed build has left: %w", err)
		}
	}
	work, err := os.MkdirTemp(m.cache, "work-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(work)
	return m.assemble(ctx, work, archive)
}

// assemble makes archive in the directory work.
func (m *maker) assemble(ctx context.Context, work, archive string) error {
	root := filepath.Join(work, "root")
	layer := filepath.Join(work, "layer.tar")
	var set binaries.Set
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{
		{compile, func(ctx context.Context) (err error) {
			set, err = binaries.Ensure(ctx, binaries.Options{
				Want: binaries.Node(), Pinned: true, Progress: m.progress, CacheDir: filepath.Dir(m.cache),
			})
			return err
		}},
		{"install Debian", func(ctx context.Context) error { return m.system(ctx, work, root) }},
		{"make it a node", func(ctx context.Context) error { return node(ctx, root, set) }},
		{"load images", func(ctx context.Context) error { return fill(ctx, work, root, set) }},
		{"pack", func(ctx context.Context) error { return pack(ctx, root, layer) }},
		{"write archive", func(context.Context) error { return m.finish(layer, archive) }},
	} {
		if err := m.step(ctx, s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

// system unpacks Debian into root, from the cache when it's there.
func (m *maker) system(ctx context.Context, work, root string) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	base := filepath.Join(m.cache, "base-"+baseHash()+".tar")
	if _, err := os.Stat(base); err == nil {
		return unpack(ctx, base, root)
	}
	if err := debian(ctx, root); err != nil {
		return err
	}
	temp := filepath.Join(work, "base.tar")
	if err := pack(ctx, root, temp); err != nil {
		return err
	}
	if err := binaries.Publish(temp, base); err != nil {
		return err
	}
	return prune(m.cache, "base", keptNodes)
}

// node makes a Debian system a node without images.
func node(ctx context.Context, root string, set binaries.Set) error {
	files, err := kindFiles(ctx)
	if err != nil {
		return err
	}
	if err := copyFiles(files, root); err != nil {
		return err
	}
	if err := enable(root); err != nil {
		return err
	}
	return install(ctx, root, set)
}

// fill builds the images of a node and loads them.
func fill(ctx context.Context, work, root string, set binaries.Set) error {
	files, pause, err := archives(ctx, work, root, set)
	if err != nil {
		return err
	}
	if err := sandboxImage(root, pause); err != nil {
		return err
	}
	return preload(ctx, work, root, set, files)
}

// finish writes the archive under its name when it's complete.
func (m *maker) finish(layer, archive string) error {
	temp := filepath.Join(filepath.Dir(layer), "node.tar")
	if err := image.Pack(temp, layer, config(), []string{Ref()}); err != nil {
		return err
	}
	if err := binaries.Publish(temp, archive); err != nil {
		return err
	}
	return prune(m.cache, "node", keptNodes)
}

// config is how the image is started: as kind's own.
func config() image.Config {
	return image.Config{
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=docker"},
		StopSignal: "SIGRTMIN+3", // what ends systemd
		Labels:     map[string]string{Label: Hash()},
	}
}
