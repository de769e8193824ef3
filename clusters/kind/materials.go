package kind

import (
	"context"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
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

func prepare(ctx context.Context, cfg Config) (materials, error) {
	panic("TODO")
}
