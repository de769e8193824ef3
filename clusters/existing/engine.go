package existing

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/engines/profile"
)

// Engine is what a cluster's policies are believed to be enforced by.
type Engine struct {
	Name     string // as people call it
	Evidence string // the DaemonSet that is known to be its agent, its image, how many run
	// Namespace and DaemonSet are those of its agents.
	Namespace, DaemonSet string
}

// NoEngine is what is said of a cluster without an engine that is known.
const NoEngine = "no engine recognised"

// trace is the DaemonSet that an engine's agents run in, by its name, and a container that
// it must have, if other products have DaemonSets of that name.
type trace struct {
	engine, daemonSet, container string
}

// traces are the engines that can be recognised: those with a profile by it.
func traces(profiles []profile.Profile) []trace {
	var known []trace
	for _, p := range profiles {
		for _, t := range p.Recognise {
			known = append(known, trace{engine: cmp.Or(t.Title, p.Title), daemonSet: t.DaemonSet, container: t.Container})
		}
	}
	return append(known, []trace{
		{engine: "netassay enforcer", daemonSet: "netassay-enforcer"},
		{engine: "Cilium (GKE Dataplane V2)", daemonSet: "anetd"},
		{engine: "Azure NPM", daemonSet: "azure-npm"},
		{engine: "kube-router", daemonSet: "kube-router"},
		{engine: "Antrea", daemonSet: "antrea-agent"},
		{engine: "kindnet", daemonSet: "kindnet"},
		{engine: "kube-network-policies", daemonSet: "kube-network-policies"},
		{engine: "AWS VPC CNI's network policy agent", daemonSet: "aws-node", container: "aws-eks-nodeagent"},
		{engine: "OVN-Kubernetes", daemonSet: "ovnkube-node"},
		{engine: "Weave Net", daemonSet: "weave-net"},
	}...)
}

// Engines tells by the agents that run which engines enforce policies, as far as they are known,
// by their profiles where they have one. More than one is no mistake of this function: they may
// fight.
func (c *Cluster) Engines(ctx context.Context, profiles []profile.Profile) ([]Engine, error) {
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	list, err := client.AppsV1().DaemonSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		list, err = client.AppsV1().DaemonSets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("list daemonsets: %w", err)
	}
	return recognise(list.Items, profiles), nil
}

func recognise(sets []appsv1.DaemonSet, profiles []profile.Profile) []Engine {
	var found []Engine
	for _, t := range traces(profiles) {
		for i := range sets {
			if image, ok := t.of(&sets[i]); ok {
				s := &sets[i]
				found = append(found, Engine{Name: t.engine, Namespace: s.Namespace, DaemonSet: s.Name, Evidence: fmt.Sprintf("DaemonSet %s/%s, image %s, %d of %d ready",
					s.Namespace, s.Name, image, s.Status.NumberReady, s.Status.DesiredNumberScheduled)})
			}
		}
	}
	return found
}

// of reports whether the DaemonSet is the engine's, and by which image.
func (t trace) of(s *appsv1.DaemonSet) (image string, ok bool) {
	if s.Name != t.daemonSet {
		return "", false
	}
	for _, c := range s.Spec.Template.Spec.Containers {
		if t.container == "" || c.Name == t.container {
			return c.Image, true
		}
	}
	return "", false
}

// Believed is one line about the engines of a cluster.
func Believed(engines []Engine, err error) string {
	if err != nil {
		return oneLine(NoEngine + ": " + err.Error())
	}
	if len(engines) == 0 {
		return NoEngine
	}
	var lines []string
	for _, e := range engines {
		lines = append(lines, e.Name+" ("+e.Evidence+")")
	}
	return strings.Join(lines, ", and ")
}
