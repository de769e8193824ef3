package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/scale/measure"
)

// kubelets read what an engine's agents cost on the first node, as its kubelet tells. What can't
// be read is left blank; the reason is told once.
type kubelets struct {
	*cluster
	*recorder
	blank bool // nothing can be read
}

func newKubelets(c *cluster, rec *recorder) *kubelets { return &kubelets{cluster: c, recorder: rec} }

// The paces of a kubelet, which looks at containers every 10 to 20 s.
const (
	kubeletPoll     = 2 * time.Second
	kubeletPatience = 45 * time.Second
)

// read are the figures of a moment after the call.
func (k *kubelets) read(ctx context.Context) ([]figure, error) {
	if k.blank {
		return nil, nil
	}
	out, err := k.figures(ctx)
	if err != nil && ctx.Err() == nil {
		k.blank = true
		k.note("the engine's memory and processor time are left blank: %v", err)
		return nil, nil
	}
	return out, err
}

func (k *kubelets) figures(ctx context.Context) ([]figure, error) {
	if len(k.guest.Agents) == 0 {
		return nil, errors.New(k.guest.Unread)
	}
	var all measure.Containers
	var anon, peak int64
	pods := map[Agent][]string{}
	for _, a := range k.guest.Agents {
		names, err := k.podsOf(ctx, a)
		if err != nil {
			return nil, err
		}
		now, err := k.fresh(ctx, a.Namespace, names)
		if err != nil {
			return nil, err
		}
		all.WorkingSet, all.CPU = all.WorkingSet+now.WorkingSet, all.CPU+now.CPU
		pods[a] = names
	}
	page, err := k.page(ctx, "cadvisor")
	if err != nil {
		return nil, err
	}
	for a, names := range pods {
		oneAnon, onePeak := measure.ReadPeaks(page, a.Namespace, names)
		anon, peak = anon+oneAnon, peak+onePeak
	}
	out := []figure{bytesOf("cgroup-working-set", all.WorkingSet), {"cpu-total", "s", all.CPU}}
	if anon > 0 {
		out = append(out, bytesOf("cgroup-anon", anon))
	}
	if peak > 0 {
		out = append(out, bytesOf("cgroup-peak", peak))
	}
	return out, nil
}

// podsOf are the agent's pods on the first node.
func (k *kubelets) podsOf(ctx context.Context, a Agent) ([]string, error) {
	list, err := k.client.CoreV1().Pods(a.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", k.nodes[0]).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("list pods of %s: %w", a.Namespace, err)
	}
	var names []string
	for i := range list.Items {
		ours := func(o metav1.OwnerReference) bool { return o.Kind == "DaemonSet" && o.Name == a.DaemonSet }
		if slices.ContainsFunc(list.Items[i].OwnerReferences, ours) {
			names = append(names, list.Items[i].Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("node %s has no pod of DaemonSet %s/%s", k.nodes[0], a.Namespace, a.DaemonSet)
	}
	return names, nil
}

// fresh waits until the kubelet has looked at the containers once more.
func (k *kubelets) fresh(ctx context.Context, namespace string, pods []string) (measure.Containers, error) {
	var first int64
	var now measure.Containers
	err := wait.PollUntilContextTimeout(ctx, kubeletPoll, kubeletPatience, true, func(ctx context.Context) (bool, error) {
		page, err := k.page(ctx, "resource")
		if err != nil {
			return false, err
		}
		var ok bool
		if now, ok = measure.ReadContainers(page, namespace, pods); !ok {
			return false, fmt.Errorf("the kubelet of %s tells nothing of pods %s", k.nodes[0], strings.Join(pods, ", "))
		}
		if first == 0 {
			first = now.At
		}
		return now.At > first || now.At == 0, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return now, nil // a kubelet that looks less often
	}
	return now, err
}

// page is a page of metrics of the first node's kubelet.
func (k *kubelets) page(ctx context.Context, name string) (agents.Metrics, error) {
	text, err := k.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes", k.nodes[0], "proxy", "metrics", name).
		SetHeader("Accept", "text/plain").DoRaw(ctx)
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("no permission to get nodes/proxy: grant {apiGroups: [\"\"], resources: [nodes/proxy], verbs: [get]}, which reaches all of the kubelet")
	}
	if err != nil {
		return nil, fmt.Errorf("read /metrics/%s of node %s: %w", name, k.nodes[0], err)
	}
	return agents.ParseMetrics(text)
}
