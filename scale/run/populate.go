package run

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/hollow"
	"github.com/netassay/netassay/scale/load"
)

// populate writes the load. life is how long the hollow nodes' leases are kept.
func (r *run) populate(ctx, life context.Context) error {
	o, start := &r.objects, time.Now()
	for _, do := range []func() error{
		func() error { return r.writer.Namespaces(ctx, o.Namespaces) },
		func() error { return r.writeNodes(ctx, life) },
		func() error { return r.startLocal(ctx, o.Local) },
		func() error { return r.awaitLocal(ctx, len(o.Local)) },
		func() error { return r.inStages(ctx, len(o.Policies), r.writePolicies) },
		func() error { return r.inStages(ctx, len(o.Pods), r.writePods) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	r.note("populated in %.0f s", time.Since(start).Seconds())
	return r.growBlocks(ctx)
}

// writeNodes creates the hollow nodes and has somebody play their kubelets.
func (r *run) writeNodes(ctx, life context.Context) (err error) {
	nodes := r.objects.Nodes
	r.size.Nodes = len(nodes)
	if r.cfg.Kwok == "" {
		err := r.writer.Nodes(ctx, nodes)
		go r.writer.KeepLeases(life, nodes, r.cfg.Timing.Lease)
		return err
	}
	if err := hollow.KeepDaemonSetsOff(ctx, r.client); err != nil {
		return err
	}
	if r.kwok, err = hollow.StartKwok(r.cfg.Lab.EngineNodes()[1], r.cfg.Kwok, r.cfg.Dir); err != nil {
		return err
	}
	return r.writer.PlayedNodes(ctx, nodes)
}

// stages is in how many parts a kind of object is written: after each, memory is read, so
// that what one more of it costs can be told.
const stages = 4

// inStages writes n objects in parts of like size.
func (r *run) inStages(ctx context.Context, n int, write func(ctx context.Context, from, to int) error) error {
	for i := range stages {
		from, to := n*i/stages, n*(i+1)/stages
		if from == to {
			continue
		}
		if err := write(ctx, from, to); err != nil {
			return err
		}
		if err := r.point(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) writePolicies(ctx context.Context, from, to int) error {
	r.size.Policies = to
	for _, p := range r.objects.Policies[from:to] {
		r.size.CIDRs += cidrsOf(&p)
	}
	return r.writer.Policies(ctx, r.objects.Policies[from:to])
}

func cidrsOf(p *netv1.NetworkPolicy) int {
	n := 0
	count := func(peers []netv1.NetworkPolicyPeer) {
		for _, peer := range peers {
			if peer.IPBlock != nil {
				n++
			}
		}
	}
	for _, rule := range p.Spec.Ingress {
		count(rule.From)
	}
	for _, rule := range p.Spec.Egress {
		count(rule.To)
	}
	return n
}

// growBlocks has a policy of CIDRs grow in stages, so that a CIDR can be told from a policy.
func (r *run) growBlocks(ctx context.Context) error {
	if r.node.agent() == nil { // nobody to tell it of
		return nil
	}
	all := blocks(r.cfg.CIDRs, r.families, false)
	p, before := ingress("stages", server, all[:1]), r.size.CIDRs
	err := r.under(ctx, p, func() error {
		return r.inStages(ctx, len(all), func(ctx context.Context, _, to int) error {
			p.Spec.Ingress[0].From = all[:to]
			r.size.CIDRs = before + to
			return r.update(ctx, p)
		})
	})
	return err
}

func (r *run) writePods(ctx context.Context, from, to int) error {
	r.size.Pods = to
	err := r.writer.Pods(ctx, r.objects.Pods[from:to])
	if err != nil || r.kwok == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*podPatience)
	defer cancel()
	return r.kwok.AwaitPlayed(ctx, r.client, to-from, r.progress())
}

// pointSettle is short: four stages of each kind have to fit into the time for the load.
const pointSettle = 500 * time.Millisecond

// point reads the memory at the size that has been reached.
func (r *run) point(ctx context.Context) error {
	if _, err := r.meter.settled(ctx, min(pointSettle, r.cfg.Timing.Settle)); err != nil {
		return err
	}
	figures, err := r.meter.process()
	if err != nil {
		return err
	}
	for _, f := range figures {
		if f.name == v1.RSS || f.name == "pss" {
			p := r.size
			p.Engine, p.Name, p.Unit, p.Value = r.cfg.Name, f.name, f.unit, f.value
			r.result.Points = append(r.result.Points, p)
		}
	}
	return nil
}

// startLocal creates the load's real pods on the engine's node.
func (r *run) startLocal(ctx context.Context, all []load.Pod) error {
	return r.writer.Each(ctx, "create local pods", len(all), func(ctx context.Context, i int) error {
		_, err := r.client.CoreV1().Pods(all[i].Namespace).Create(ctx, r.localPod(all[i]), metav1.CreateOptions{})
		return err
	})
}

// localPod has no prober: it is there to be selected.
func (r *run) localPod(p load.Pod) *corev1.Pod {
	object := p.Object()
	object.Spec = corev1.PodSpec{
		NodeName:                      r.nodes[0],
		AutomountServiceAccountToken:  ptr.To(false),
		EnableServiceLinks:            ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To[int64](1),
		Containers:                    []corev1.Container{{Name: "main", Image: r.cfg.Lab.Image("probe"), Command: []string{"/probe", "idle"}, Ports: load.Ports()}},
	}
	return object
}

// awaitLocal waits until the node's real pods run: those of the load and those watched.
func (r *run) awaitLocal(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*podPatience)
	defer cancel()
	want := n
	for _, p := range places() {
		if p.node == 0 {
			want++
		}
	}
	return hollow.AwaitLocal(ctx, r.client, r.nodes[0], want, r.progress())
}

// clear deletes the load, all of it, and what the phases before left.
func (r *run) clear(ctx context.Context) error {
	if err := r.writer.Clear(ctx, &r.objects); err != nil {
		return err
	}
	return r.endPods(ctx, r.marks())
}

// progress leaves out what is over at once: cycles repeat the same kinds many times.
func (r *run) progress() func(kind string, done, total int) {
	return hollow.ProgressLines(r.cfg.Log, time.Second)
}
