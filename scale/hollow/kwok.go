package hollow

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	conflicts "k8s.io/client-go/util/retry"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/scale/load"
)

// KwokProgram is what KWOK's controller is called among the programs.
const KwokProgram = "kwok"

// kwokConfig says how KWOK plays nodes and pods.
//
//go:embed kwok.yaml
var kwokConfig []byte

// What kwokConfig reads.
const (
	kubeletAnnotation = "netassay.io/kubelet"
	ipv4Annotation    = "netassay.io/ipv4"
	ipv6Annotation    = "netassay.io/ipv6"
)

// Kwok is a controller of https://kwok.sigs.k8s.io that plays the kubelets of hollow nodes:
// it keeps their leases and has their pods run.
type Kwok struct {
	process engines.Process
}

// kwokGrace is how long it may take to end when it is asked to.
const kwokGrace = 5 * time.Second

// StartKwok starts the program beside a node. What it is told, and its log, are in dir.
func StartKwok(n engines.Node, program, dir string) (*Kwok, error) {
	config := filepath.Join(dir, "kwok.yaml")
	if err := os.WriteFile(config, kwokConfig, 0o644); err != nil {
		return nil, fmt.Errorf("start kwok: %w", err)
	}
	p, err := n.Start(KwokProgram, []string{program, "--config=" + config, "--kubeconfig=" + n.Kubeconfig()}, nil)
	if err != nil {
		return nil, fmt.Errorf("start kwok: %w", err)
	}
	return &Kwok{process: p}, nil
}

// Stop ends it. Nodes and pods stay as they are.
func (k *Kwok) Stop(ctx context.Context) {
	agents.Stop(ctx, []engines.Process{k.process}, kwokGrace)
}

// AwaitPlayed waits until KWOK has had all pods run, of which n are new: none is pending.
func (k *Kwok) AwaitPlayed(ctx context.Context, client kubernetes.Interface, n int, progress Progress) error {
	left := n
	err := wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case <-k.process.Done():
			return false, fmt.Errorf("%s has ended: see its log", KwokProgram)
		default:
		}
		pods, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "status.phase=" + string(corev1.PodPending)})
		if err != nil {
			return false, fatal(err)
		}
		left = len(pods.Items)
		progress("pods that KWOK has run", max(0, n-left), n)
		return left == 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait for KWOK to have pods run (%d are pending): %w", left, err)
	}
	return nil
}

// PlayedNodes creates hollow nodes whose kubelets KWOK plays: from now on w leaves the
// status of their pods, and their leases, to it.
func (w *Writer) PlayedNodes(ctx context.Context, all []corev1.Node) error {
	w.played = make(map[string]bool, len(all))
	for i := range all {
		w.played[all[i].Name] = true
	}
	return w.Each(ctx, "create nodes", len(all), func(ctx context.Context, i int) error {
		n := all[i].DeepCopy()
		n.Annotations = map[string]string{kubeletAnnotation: KwokProgram}
		n.Status.Conditions = nil // KWOK's to say
		_, err := w.Client.CoreV1().Nodes().Create(ctx, n, metav1.CreateOptions{})
		return err
	})
}

// playedObject is a pod that KWOK is to have run.
func playedObject(p load.Pod) *corev1.Pod {
	object := p.Object()
	object.Annotations = map[string]string{}
	for _, ip := range p.IPs {
		if ip.Is4() {
			object.Annotations[ipv4Annotation] = ip.String()
		} else {
			object.Annotations[ipv6Annotation] = ip.String()
		}
	}
	return object
}

// KeepDaemonSetsOff has no DaemonSet put a pod on a hollow node: many tolerate every taint.
func KeepDaemonSetsOff(ctx context.Context, client kubernetes.Interface) error {
	list, err := client.AppsV1().DaemonSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list daemonsets: %w", err)
	}
	for i := range list.Items {
		sets := client.AppsV1().DaemonSets(list.Items[i].Namespace)
		err := conflicts.RetryOnConflict(conflicts.DefaultRetry, func() error {
			set, err := sets.Get(ctx, list.Items[i].Name, metav1.GetOptions{})
			if err != nil || !keepOff(&set.Spec.Template.Spec) {
				return err
			}
			_, err = sets.Update(ctx, set, metav1.UpdateOptions{})
			return err
		})
		if err != nil {
			return fmt.Errorf("keep daemonset %s/%s off hollow nodes: %w", list.Items[i].Namespace, list.Items[i].Name, err)
		}
	}
	return nil
}

// keepOff makes a pod unfit for hollow nodes; it is false when that was so already.
func keepOff(pod *corev1.PodSpec) bool {
	off := corev1.NodeSelectorRequirement{Key: load.Hollow, Operator: corev1.NodeSelectorOpDoesNotExist}
	if pod.Affinity == nil {
		pod.Affinity = &corev1.Affinity{}
	}
	if pod.Affinity.NodeAffinity == nil {
		pod.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	affinity := pod.Affinity.NodeAffinity
	if affinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		affinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{}}}
	}
	terms, changed := affinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms, false
	for i := range terms { // one of them has to hold, so each must say it
		if !slices.ContainsFunc(terms[i].MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return r.Key == off.Key && r.Operator == off.Operator }) {
			terms[i].MatchExpressions, changed = append(terms[i].MatchExpressions, off), true
		}
	}
	return changed
}
