package kubelet

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
	"github.com/netassay/netassay/clusters/lab/kubelet/probes"
)

// probe starts the run's probes.
func (w *worker) probe(r *run, c *lifecycle.Container) {
	if p := r.spec.ReadinessProbe; p != nil {
		w.ask(r, p, func(_ func(), ok bool, _ error) { c.ReadyOK = ok })
	}
	if p := r.spec.LivenessProbe; p != nil {
		w.ask(r, p, func(stop func(), ok bool, why error) {
			if !ok {
				stop()
				w.restart(r, seconds(p.TerminationGracePeriodSeconds, graceOf(w.pod)), fmt.Errorf("liveness probe: %w", why))
			}
		})
	}
}

// ask runs the probe while the run lasts; verdicts are given to the loop.
func (w *worker) ask(r *run, p *corev1.Probe, verdict func(stop func(), ok bool, why error)) {
	ctx, stop := context.WithCancel(r.ctx)
	target := probes.Target{
		Host: w.state.PodIPs[0], Ports: r.spec.Ports, Do: w.agent.cfg.HostDo,
		Exec: func(ctx context.Context, argv []string) error {
			return running{w.view.Load(), r}.exec(ctx, argv, clusters.Streams{})
		},
	}
	check := func(ctx context.Context) error { return probes.Check(ctx, p.ProbeHandler, target) }
	go func() {
		defer stop()
		probes.Run(ctx, p, check, func(ok bool, why error) {
			w.post(func() {
				if ctx.Err() == nil {
					verdict(stop, ok, why)
				}
			})
		})
	}()
}

// restart ends the run within grace, in the background; the restart policy brings up the next.
func (w *worker) restart(r *run, grace time.Duration, why error) {
	w.log.Info("end container", "container", r.spec.Name, "why", why)
	go func() {
		ctx, cancel := context.WithTimeout(w.kill, grace)
		defer cancel()
		r.proc.Stop(ctx)
	}()
}
