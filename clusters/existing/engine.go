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

// Engines tells by the agents that run which engines of these profiles enforce policies. More than
// one is no mistake of this function: they may fight.
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
	for _, p := range profiles {
		for _, t := range p.Recognise {
			for i := range sets {
				if image, ok := imageOf(t, &sets[i]); ok {
					s := &sets[i]
					found = append(found, Engine{Name: cmp.Or(t.Title, p.Title), Namespace: s.Namespace, DaemonSet: s.Name, Evidence: fmt.Sprintf("DaemonSet %s/%s, image %s, %d of %d ready",
						s.Namespace, s.Name, image, s.Status.NumberReady, s.Status.DesiredNumberScheduled)})
				}
			}
		}
	}
	return found
}

// imageOf is the image of an engine's agents; ok is false where the DaemonSet is not theirs.
func imageOf(t profile.Trace, s *appsv1.DaemonSet) (image string, ok bool) {
	if s.Name != t.DaemonSet {
		return "", false
	}
	for _, c := range s.Spec.Template.Spec.Containers {
		if t.Container == "" || c.Name == t.Container {
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
