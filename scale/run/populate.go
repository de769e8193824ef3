package run

import (
	"context"
	"iter"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/hollow"
	"github.com/netassay/netassay/scale/load"
)

// population is the load in the cluster.
type population struct {
	objects load.Objects
	size    v1.Point       // so far
	kwok    *hollow.Kwok   // nil when the run has hollow pods run itself
	changed *load.Churning // the load as changes have left it; nil: nothing changed yet
}

// schedule are the changes of a churn, which begins with what the one before has left.
func (l *population) schedule(c load.Churn) iter.Seq[load.Change] {
	if l.changed == nil {
		l.changed = load.NewChurning(&l.objects)
	}
	return l.changed.Schedule(c)
}

// populate writes the load.
type populate struct {
	*traffic
	load *population
	life context.Context // how long the hollow nodes' leases are kept
	cfg  *Config
}

func (p populate) Execute(ctx context.Context) error {
	o, start := &p.load.objects, time.Now()
	for _, do := range []func() error{
		func() error { return p.writer.Namespaces(ctx, o.Namespaces) },
		func() error { return p.writeNodes(ctx) },
		func() error { return p.startLocal(ctx, o.Local) },
		func() error { return p.awaitLocal(ctx, len(o.Local)) },
		func() error { return p.inStages(ctx, len(o.Policies), p.writePolicies) },
		func() error { return p.inStages(ctx, len(o.Pods), p.writePods) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	if p.published != nil {
		p.note("of pods of nodes without an agent the run itself has made what agents there would make: %s", p.published.Made())
	}
	p.note("populated in %.0f s", time.Since(start).Seconds())
	return p.growBlocks(ctx)
}

// writeNodes creates the hollow nodes and has somebody play their kubelets.
func (p populate) writeNodes(ctx context.Context) (err error) {
	nodes := p.load.objects.Nodes
	p.load.size.Nodes = len(nodes)
	if p.cfg.Kwok == "" {
		err := p.writer.Nodes(ctx, nodes)
		go p.writer.KeepLeases(p.life, nodes, p.timing.Lease)
		return err
	}
	if err := hollow.KeepDaemonSetsOff(ctx, p.client); err != nil {
		return err
	}
	if p.load.kwok, err = hollow.StartKwok(p.machines[1], p.cfg.Kwok, p.cfg.Dir); err != nil {
		return err
	}
	return p.writer.PlayedNodes(ctx, nodes)
}

// stages is in how many parts a kind of object is written: after each, memory is read, so
// that what one more of it costs can be told.
const stages = 4

// inStages writes n objects in parts of like size.
func (p populate) inStages(ctx context.Context, n int, write func(ctx context.Context, from, to int) error) error {
	for i := range stages {
		from, to := n*i/stages, n*(i+1)/stages
		if from == to {
			continue
		}
		if err := write(ctx, from, to); err != nil {
			return err
		}
		if err := p.point(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p populate) writePolicies(ctx context.Context, from, to int) error {
	p.load.size.Policies = to
	policies := p.load.objects.Policies[from:to]
	for i := range policies {
		p.load.size.CIDRs += load.CIDRs(&policies[i])
	}
	return p.writer.Policies(ctx, policies)
}

// growBlocks has a policy of CIDRs grow in stages, so that a CIDR can be told from a policy.
func (p populate) growBlocks(ctx context.Context) error {
	if p.node.agent() == nil { // nobody to tell it of
		return nil
	}
	all := blocks(p.cfg.CIDRs, p.families, false)
	policy, before := p.ingress("stages", server, all[:1]), p.load.size.CIDRs
	return p.under(ctx, policy, func() error {
		return p.inStages(ctx, len(all), func(ctx context.Context, _, to int) error {
			policy.Spec.Ingress[0].From = all[:to]
			p.load.size.CIDRs = before + to
			return p.write(ctx, load.Update, policy)
		})
	})
}

func (p populate) writePods(ctx context.Context, from, to int) error {
	p.load.size.Pods = to
	if err := p.writer.Pods(ctx, p.load.objects.Pods[from:to]); err != nil {
		return err
	}
	if p.load.kwok != nil {
		ctx, cancel := context.WithTimeout(ctx, 3*podPatience)
		defer cancel()
		if err := p.load.kwok.AwaitPlayed(ctx, p.client, to-from, p.writer.Progress); err != nil {
			return err
		}
	}
	return p.awaitPublished(ctx)
}

// pointSettle is short: four stages of each kind have to fit into the time for the load.
const pointSettle = 500 * time.Millisecond

// point reads the memory at the size that has been reached.
func (p populate) point(ctx context.Context) error {
	if _, err := p.meter.settled(ctx, min(pointSettle, p.timing.Settle)); err != nil {
		return err
	}
	figures, err := p.meter.process()
	if err != nil {
		return err
	}
	for _, f := range figures {
		if f.name == v1.RSS || f.name == "pss" {
			at := p.load.size
			at.Engine, at.Name, at.Unit, at.Value = p.Turn.Engine, f.name, f.unit, f.value
			p.record(&at)
		}
	}
	return nil
}

// startLocal creates the load's real pods on the engine's node.
func (p populate) startLocal(ctx context.Context, all []load.Pod) error {
	return p.writer.Each(ctx, "create local pods", len(all), func(ctx context.Context, i int) error {
		_, err := p.client.CoreV1().Pods(all[i].Namespace).Create(ctx, p.localPod(all[i]), metav1.CreateOptions{})
		return err
	})
}

// localPod has no prober: it is there to be selected.
func (p populate) localPod(pod load.Pod) *corev1.Pod {
	object := p.proberPod(pod.Namespace, pod.Name, 0, nil)
	object.Labels = pod.Labels
	object.Spec.Containers[0].Ports = load.Ports()
	return object
}

// awaitLocal waits until the node's real pods run: those of the load and those watched.
func (p populate) awaitLocal(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*podPatience)
	defer cancel()
	for _, at := range p.places() {
		if at.node == 0 {
			n++
		}
	}
	return hollow.AwaitLocal(ctx, p.client, p.nodes[0], n, p.writer.Progress)
}

// clearAll deletes the load, all of it, and what the phases before left.
type clearAll struct {
	*cluster
	load *population
}

func (p clearAll) Execute(ctx context.Context) error {
	if err := p.writer.Clear(ctx, &p.load.objects); err != nil {
		return err
	}
	return p.endPods(ctx, p.marks())
}
