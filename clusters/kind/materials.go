package kind

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/netassay/netassay/clusters/binaries"
	kindconfigs "github.com/netassay/netassay/kind-configs"
	"github.com/netassay/netassay/kind-configs/nodeimage"
)

// archive is an image in a file that nodes can import.
type archive struct {
	ref, path string
}

// materials are what a cluster is made of.
type materials struct {
	raw       []byte
	spec      *v1alpha4.Cluster
	nodeImage string
	archives  []archive
	images    map[string]string // what suites and engines call them, to refs
	seconds   float64
}

// own are the images that change with this checkout: they are loaded into nodes that run.
func own() []string { return []string{"probe", "enforcer"} }

// prepare gets everything that a cluster is made of. Nothing of it is removed with the
// cluster: the node image and the archives are caches.
func prepare(ctx context.Context, cfg Config) (materials, error) {
	start := time.Now()
	m := materials{nodeImage: cfg.NodeImage, images: map[string]string{}}
	var err error
	if m.raw, err = kindconfigs.Config(cfg.Topology); err != nil {
		return m, err
	}
	if m.spec, err = parse(m.raw); err != nil {
		return m, err
	}
	names := own()
	if m.nodeImage == "" {
		img, err := nodeimage.Ensure(ctx, nodeimage.Options{Progress: lineWriter(cfg.Progress)})
		if err != nil {
			return m, err
		}
		m.nodeImage = img.Ref
		m.images[string(binaries.Agnhost)] = agnhostInside
	} else { // a published node image has no agnhost in it
		names = append(names, string(binaries.Agnhost))
	}
	for _, name := range names {
		if err := m.add(ctx, name); err != nil {
			return m, err
		}
	}
	m.seconds = time.Since(start).Seconds()
	cfg.Progress(fmt.Sprintf("images of nodes, %s are there (%.1f s)", strings.Join(names, ", "), m.seconds))
	return m, nil
}

// agnhostInside is what agnhost is called in our own node image.
const agnhostInside = "netassay.local/agnhost:" + binaries.Version

// add packs the program called name as an image.
func (m *materials) add(ctx context.Context, name string) error {
	program, err := find(ctx, name)
	if err != nil {
		return err
	}
	path, ref, err := nodeimage.Archive(ctx, name, program)
	if err != nil {
		return fmt.Errorf("pack image of %s: %w", name, err)
	}
	m.archives = append(m.archives, archive{ref: ref, path: path})
	m.images[name] = ref
	return nil
}

// find is the path of a program, ours or Kubernetes'.
func find(ctx context.Context, name string) (string, error) {
	if name != string(binaries.Agnhost) {
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
