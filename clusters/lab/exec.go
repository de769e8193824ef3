package lab

import (
	"context"
	"errors"

	"github.com/netassay/netassay/clusters"
)

func (l *Lab) Exec(ctx context.Context, namespace, pod, container string, command []string, s clusters.Streams) error {
	return errors.New("not yet")
}
