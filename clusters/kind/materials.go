package kind

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/image"
	"github.com/netassay/netassay/kind-configs/nodeimage"
)

// archive is an image in a file that nodes can import.
type archive struct {
	ref, path string
}

// materials are what a cluster is made of.
type materials struct {
	nodeImage string
	archives  []archive
	images    map[string]string // what suites and engines call them, to refs
	seconds   float64
}

// own are the images that change with this checkout: they are loaded into nodes that run.
func own() []string { return []string{"probe", "enforcer"} }

// prepare gets everything that a cluster is made of. The archives go into folder; the node
// image is a cache that outlives the cluster.
func prepare(ctx context.Context, cfg Config, folder string) (materials, error) {
	start := time.Now()
	m := materials{nodeImage: cfg.NodeImage, images: map[string]string{}}
	names := own()
	if m.nodeImage == "" {
		img, err := nodeimage.Ensure(ctx, nodeimage.Options{Progress: lineWriter(cfg.Progress)})
		if err != nil {
			return m, err
		}
		m.nodeImage = img.Ref
		m.images[agnhost] = nodeimage.AgnhostRef
	} else { // a published node image has no agnhost in it
		names = append(names, agnhost)
	}
	for _, name := range names {
		if err := m.add(ctx, name, folder); err != nil {
			return m, err
		}
	}
	m.seconds = time.Since(start).Seconds()
	cfg.Progress(fmt.Sprintf("images of nodes, %s are there (%.1f s)", strings.Join(names, ", "), m.seconds))
	return m, nil
}

const agnhost = string(binaries.Agnhost)

// add packs the program called name as an image, whose tag is that of its content.
func (m *materials) add(ctx context.Context, name, folder string) error {
	program, err := find(ctx, name)
	if err != nil {
		return err
	}
	sum, err := hashOf(program)
	if err != nil {
		return err
	}
	o := image.Options{
		Program: program, Path: "/" + name, Refs: []string{image.Ref("netassay.local/"+name, sum[:12])},
		Archive: filepath.Join(folder, name+".tar"),
	}
	if name == "enforcer" {
		o.Packages = image.EnforcerPackages()
	}
	if err := image.Build(ctx, o); err != nil {
		return fmt.Errorf("pack image of %s: %w", name, err)
	}
	m.archives = append(m.archives, archive{ref: o.Refs[0], path: o.Archive})
	m.images[name] = o.Refs[0]
	return nil
}

func hashOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read program: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read program: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// find is the path of a program, ours or Kubernetes'.
func find(ctx context.Context, name string) (string, error) {
	if name != agnhost {
		return binaries.Own(ctx, name)
	}
	set, err := binaries.Ensure(ctx, binaries.Options{Want: []binaries.Name{binaries.Agnhost}})
	return set.Path(binaries.Agnhost), err
}

// lineWriter hands on what is written, a line at a time.
func lineWriter(to func(string)) io.Writer { return &lines{to: to} }

type lines struct {
	to   func(string)
	mu   sync.Mutex
	rest string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest += string(p)
	for {
		line, after, found := strings.Cut(l.rest, "\n")
		if !found {
			return len(p), nil
		}
		l.to(line)
		l.rest = after
	}
}
