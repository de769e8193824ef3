package kind

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/nodeimage"
)

// archive is an image in a file that nodes can import.
type archive struct {
	ref, path string
}

// materials are what a cluster is made of.
type materials struct {
	nodeImage string
	loaded    bool // Docker did not have it before
	archives  []archive
	images    map[string]string // what suites and engines call them, to refs
	seconds   float64
}

// prepare gets everything that a cluster is made of. The node image and the archives are
// caches that outlive the cluster.
func prepare(ctx context.Context, cfg Config) (materials, error) {
	start := time.Now()
	m := materials{nodeImage: cfg.NodeImage, images: map[string]string{}}
	names := own()
	if m.nodeImage == "" {
		img, err := nodeimage.Ensure(ctx, nodeimage.Options{Progress: lineWriter(cfg.Progress)})
		m.nodeImage, m.loaded = img.Ref, img.Loaded
		if err != nil {
			return m, err
		}
		m.images[agnhost] = nodeimage.AgnhostRef
	} else { // a published node image has no agnhost in it
		names = append(names, agnhost)
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

const (
	agnhost  = string(binaries.Agnhost)
	enforcer = "enforcer"
	probe    = "probe"
)

// own are the images that change with this checkout: they are loaded into nodes that run.
func own() []string { return []string{probe, enforcer} }

// add packs the program called name as an image.
func (m *materials) add(ctx context.Context, name string) error {
	file, err := find(ctx, name)
	if err != nil {
		return err
	}
	// The prober runs as root unless a pod says otherwise: for others a capability that a
	// pod adds has no effect, and SCTP is probed by raw packets.
	p := nodeimage.Program{Name: "netassay.local/" + name, File: file}
	if name == enforcer {
		p = nodeimage.Enforcer(file)
	}
	path, ref, err := nodeimage.Archive(ctx, p, "")
	if err != nil {
		return err
	}
	m.archives = append(m.archives, archive{ref: ref, path: path})
	m.images[name] = ref
	return nil
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
