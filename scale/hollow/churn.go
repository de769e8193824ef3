package hollow

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// eventsPerCycle is what a watcher of pods sees of one pod that is replaced: deleted,
// created without an address, and running with one.
const eventsPerCycle = 3

// Churned is what a churn has done.
type Churned struct {
	Events int // that a watcher of pods was sent
	Took   time.Duration
}

// Rate is the rate that was reached, in events per second.
func (c Churned) Rate() float64 { return float64(c.Events) / c.Took.Seconds() }

// Churn replaces pods, one after another and each by one with other addresses, so that
// rate events per second reach watchers, for d. The schedule does not wait for answers: an
// API server that falls behind shows in the rate reached.
func (c *Cluster) Churn(ctx context.Context, rate float64, d time.Duration) (Churned, error) {
	cycles := int(rate * d.Seconds() / eventsPerCycle)
	var events atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range cycles {
		timer.Reset(time.Until(start.Add(time.Duration(float64(i) * eventsPerCycle / rate * float64(time.Second)))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return Churned{}, errOf(g, ctx)
		}
		g.Go(func() error {
			if err := c.replace(ctx, i%c.size.Pods, i/c.size.Pods); err != nil {
				return err
			}
			c.progress("churn events", int(events.Add(eventsPerCycle)), cycles*eventsPerCycle)
			return nil
		})
	}
	err := g.Wait()
	return Churned{Events: int(events.Load()), Took: time.Since(start)}, err
}

func errOf(g *errgroup.Group, ctx context.Context) error {
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// replace ends one life of pod i and begins the next.
func (c *Cluster) replace(ctx context.Context, i, life int) error {
	old := c.size.pod(i, life)
	err := retry(ctx, func() error {
		err := c.client.CoreV1().Pods(old.Namespace).Delete(ctx, old.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete pod: %w", err)
	}
	if err := retry(ctx, func() error { return c.start(ctx, i, life+1) }); err != nil {
		return fmt.Errorf("replace pod: %w", err)
	}
	return nil
}
