package testbed

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/engines/registry"
)

func openExisting(ctx context.Context, o Options, log Log, t *Testbed) error {
	if err := t.redirectKlog(log.Dir); err != nil {
		return err
	}
	tolerated, err := Tolerations(o.Tolerate)
	if err != nil {
		return err
	}
	c, err := existing.Open(ctx, existing.Options{
		Kubeconfig: o.Kubeconfig, Context: o.Context, Registry: o.Registry, Images: o.Images,
		Families: o.Families, Tolerations: tolerated, NodeOS: o.NodeOS,
	})
	if err != nil {
		return err
	}
	profiles := registry.Profiles()
	if o.NodeOS == string(corev1.Windows) {
		profiles = registry.OnWindows()
	}
	log.Say("engines: " + existing.Believed(c.Engines(ctx, profiles)))
	t.Cluster, t.WasThere, t.Containers = c, true, true
	t.Preflight = func(ctx context.Context, needs clusters.Needs) (lines []string, fatal bool) {
		problems := c.Preflight(ctx, needs)
		for _, problem := range problems {
			lines = append(lines, problem.String())
		}
		return lines, existing.Fatal(problems)
	}
	if o.PullSecret != "" {
		if t.PullSecret, err = os.ReadFile(o.PullSecret); err != nil {
			return fmt.Errorf("read pull secret: %w", err)
		}
	}
	return nil
}
