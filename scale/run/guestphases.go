package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

// guestPhases are those that need no node within reach, in the order of phases.
func guestPhases(e *env) []phase {
	c := e.cfg
	return []phase{
		{"set up", setUp{e.traffic, e.births, e.life}},
		{"control: no policy", openControl{e.births, c.NewPods}},
		{"baseline", guestBaseline{e.traffic}},
		{"populate", furnish{e.traffic, e.load}},
		{"loaded", rest{e.engine, v1.PhaseLoaded}},
		{"policy create and delete", policyCreation{e.traffic, c.Samples}},
		{"ipBlock edits", blockEdits{e.traffic, c.CIDRs, c.Samples}},
		{"revoke and grant", revocation{e.traffic, c.Samples}},
		{"label changes", relabelling{e.traffic, c.Samples}},
		{"new pods", guestNewPods{e.births, c.NewPods}},
		{"churn", churns{e.traffic, e.load, c}},
		{"after churn", rest{e.engine, v1.PhaseChurn}},
		{"delete all", unfurnish{e.cluster, e.load}},
		{"after delete", rest{e.engine, v1.PhaseDeleted}},
	}
}

// guestServers are pods on one node after the other that a churn isolates and opens again.
const guestServers = 4

func guestServer(i int) string { return fmt.Sprintf("server-%d", i) }

// isolations are policies as actors: each isolates one of these pods.
func (t *traffic) isolations() []actor {
	var out []actor
	for i := range guestServers {
		name := guestServer(i)
		policy := t.ingress("isolate-"+name, name, nil)
		out = append(out, actor{
			name: policy.Name, flows: t.to(name, near, far), allowed: true, kinds: [2]string{v1.PolicyCreate, v1.PolicyDelete},
			deny:  func(ctx context.Context) error { return t.write(ctx, load.Create, policy) },
			allow: func(ctx context.Context) error { return t.write(ctx, load.Delete, policy) },
		})
	}
	return out
}

// guestKinds are the changes of a load without hollow pods.
func guestKinds() []load.Kind {
	return []load.Kind{load.ReplaceBlocks, load.AddExcept, load.RemoveExcept, load.RotatePolicy, load.Recreate, load.NSLabel}
}

// openControl shows that flows pass while no policy of the run is there, so that what is denied
// later is denied by its policies; and that what a new pod sends is counted.
type openControl struct {
	*births
	newPods int
}

func (p openControl) Execute(ctx context.Context) error {
	p.Controls.Clock = p.clockError()
	p.note("the clocks of the pods' nodes are known to %.1f ms: so much may the times of samples be off", ms(p.Controls.Clock))
	all := append(p.to(server, near, far), p.to(witness, near, far, stranger)...)
	if err := p.await(ctx, all, true, p.timing.Deadline); err != nil {
		return fmt.Errorf("without a policy of the run not every flow passes; a policy for the whole cluster, or the network itself, keeps it off: %w", err)
	}
	p.Controls.Open = true
	if p.newPods == 0 {
		return nil
	}
	born, err := p.guestPod(ctx, "new-control", false)
	for _, b := range born {
		p.Controls.NullLeaked += int(b.leaked)
		p.Controls.NullRunning = b.running
	}
	return err
}

// guestBaseline is the engine with one policy of the run, which must be seen to be enforced.
type guestBaseline struct{ *traffic }

func (p guestBaseline) Execute(ctx context.Context) error {
	if err := p.write(ctx, load.Create, p.witnessPolicy()); err != nil {
		return err
	}
	err := p.await(ctx, p.to(witness, stranger), false, p.timing.Deadline)
	if err == nil {
		err = p.await(ctx, p.to(witness, near, far), true, p.timing.Deadline)
	}
	if err != nil {
		return fmt.Errorf("nothing enforces policies here, or it takes longer than %v (--deadline): %w", p.timing.Deadline, err)
	}
	p.Controls.Enforced, p.enforced = true, true
	return p.atRest(ctx, v1.PhaseBaseline)
}

// unfurnish deletes the load with its namespaces.
type unfurnish struct {
	*cluster
	load *population
}

// gonePatience is for namespaces to be gone, whose pods have to end first.
const gonePatience = 3 * time.Minute

func (p unfurnish) Execute(ctx context.Context) error {
	spaces, api := p.load.objects.Namespaces, p.client.CoreV1().Namespaces()
	err := p.writer.Each(ctx, "delete namespaces", len(spaces), func(ctx context.Context, i int) error {
		err := api.Delete(ctx, spaces[i].Name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, gonePatience)
	defer cancel()
	for i := range spaces {
		err := wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			_, err := api.Get(ctx, spaces[i].Name, metav1.GetOptions{})
			return apierrors.IsNotFound(err), nil
		})
		if err != nil {
			return fmt.Errorf("wait for namespace %s to be gone: %w", spaces[i].Name, err)
		}
	}
	return nil
}

// seal lets nothing in to the pods of the namespace of new pods, and nothing out of them.
func (c *cluster) seal() *netv1.NetworkPolicy {
	p := c.defaultDeny()
	p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, netv1.PolicyTypeEgress)
	return p
}

// guestNewPods takes samples of the isolation of new pods, whose addresses nobody knows before.
type guestNewPods struct {
	*births
	samples int
}

func (p guestNewPods) Execute(ctx context.Context) error {
	if p.samples == 0 {
		return nil
	}
	return p.under(ctx, p.seal(), func() error {
		if err := flows.Pause(ctx, newPodQuiet); err != nil { // the policy is handled: there is no pod yet to see it by
			return err
		}
		for i := range p.samples {
			born, err := p.guestPod(ctx, fmt.Sprintf("new-%d", i), true)
			if err != nil {
				return errors.Join(err, ctx.Err())
			}
			p.keepBorn(born)
			if (i+1)%10 == 0 {
				p.log(fmt.Sprintf("new pods: %d of %d", i+1, p.samples))
			}
		}
		return nil
	})
}
