package run

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/netassay/netassay/engines"
)

// welcome does what an engine that was just started for the first time needs to find out of pods that
// are there already, and of those whose nodes have no agent.
func (t *traffic) welcome(ctx, life context.Context) error {
	if _, ok := t.Engine.(engines.Plugged); ok {
		if err := t.renew(ctx); err != nil {
			return err
		}
	}
	p, ok := t.Engine.(engines.Publisher)
	if !ok {
		return nil
	}
	var err error
	if t.published, err = p.Publish(life, t.home.REST(), t.nodes[:1]); err != nil {
		return fmt.Errorf("publish pods of other nodes: %w", err)
	}
	return t.awaitPublished(ctx)
}

// renew makes the watched pods of the engine's node anew: it serves none that are older than it.
func (t *traffic) renew(ctx context.Context) error {
	all := t.places()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool { return all[name].node != 0 })
	patient, cancel := context.WithTimeout(ctx, 3*podPatience)
	defer cancel()
	err := t.writer.Each(patient, "delete watched pods", len(names), func(ctx context.Context, i int) error {
		t.fleet.Remove(names[i])
		return t.remove(ctx, t.space(all[names[i]].namespace), names[i])
	})
	if err != nil {
		return err
	}
	t.note("the watched pods were made anew when the engine had started: it serves none that are older")
	return t.bring(ctx, names)
}

// awaitPublished waits until the engine's agent can know of the pods of all nodes.
func (t *traffic) awaitPublished(ctx context.Context) error {
	if t.published == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*podPatience)
	defer cancel()
	return t.published.Await(ctx)
}
