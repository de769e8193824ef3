package azurenpm

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
)

const (
	server     = "http://127.0.0.1:10091"
	nodeURL    = server + "/node-metrics"
	clusterURL = server + "/cluster-metrics"
	// flushed is more than twice the time for which NPM collects new policies before it
	// writes them (NetPolInvervalInMilliseconds of its configuration is 500).
	flushed = 1200 * time.Millisecond
	// policiesSettle is how long the number of policies must stay when it is less than
	// there are: NPM counts no policy that it could not translate.
	policiesSettle = 5 * time.Second
)

// things are numbers of objects: those that a cluster has, or those that NPM went through.
type things struct {
	namespaces, pods, policies int
}

// ready asks whether NPM went through all that there was when it was started. It has no
// readiness endpoint; its metrics count the objects after their sets are in the kernel
// (syncNamespace and syncPod of v1.7.0), and policies when they are queued for it.
func ready(ctx context.Context, n engines.Node) (agents.Question, error) {
	want, err := count(ctx, n)
	if err != nil {
		return nil, err
	}
	g := agents.NewGetter(n)
	s := settling{want: want}
	return func(ctx context.Context) error {
		node, err := g.Metrics(ctx, nodeURL)
		if err != nil {
			return err
		}
		cluster, err := g.Metrics(ctx, clusterURL)
		if err != nil {
			return err
		}
		if ok, answer := s.settled(read(node, cluster), time.Now()); !ok {
			return errors.New(answer)
		}
		return nil
	}, nil
}

// count lists what NPM has to go through.
func count(ctx context.Context, n engines.Node) (things, error) {
	cfg, err := agents.REST(n)
	if err != nil {
		return things{}, err
	}
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return things{}, fmt.Errorf("make client: %w", err)
	}
	namespaces, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return things{}, fmt.Errorf("list namespaces: %w", err)
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return things{}, fmt.Errorf("list pods: %w", err)
	}
	policies, err := client.NetworkingV1().NetworkPolicies("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return things{}, fmt.Errorf("list policies: %w", err)
	}
	out := things{namespaces: len(namespaces.Items), policies: len(policies.Items)}
	for i := range pods.Items {
		if concerns(&pods.Items[i]) {
			out.pods++
		}
	}
	return out, nil
}

// concerns reports whether NPM puts a pod into sets.
func concerns(p *corev1.Pod) bool {
	over := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return !over && !p.Spec.HostNetwork && p.Status.PodIP != ""
}

// read takes NPM's account out of its metrics.
func read(node, cluster agents.Metrics) things {
	namespaces, _ := node.Sum("npm_controller_namespace_exec_time_count")
	pods, _ := node.Sum("npm_controller_pod_exec_time_count", "operation", "create")
	policies, _ := cluster.Sum("npm_num_policies")
	return things{namespaces: int(namespaces), pods: int(pods), policies: int(policies)}
}

// settling is an agent on its way to what it has to go through.
type settling struct {
	want  things
	last  things
	since time.Time // last has been so since then
}

// settled reports whether have is all, and has been for as long as it takes to reach the
// kernel.
func (s *settling) settled(have things, now time.Time) (ok bool, answer string) {
	if have != s.last || s.since.IsZero() {
		s.last, s.since = have, now
	}
	answer = fmt.Sprintf("went through %d of %d namespaces, %d of %d pods, %d of %d policies",
		have.namespaces, s.want.namespaces, have.pods, s.want.pods, have.policies, s.want.policies)
	if have.namespaces < s.want.namespaces || have.pods < s.want.pods {
		return false, answer
	}
	wait := flushed
	if have.policies < s.want.policies {
		wait = policiesSettle
	}
	return now.Sub(s.since) >= wait, answer
}
