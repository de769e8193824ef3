package manifests

import (
	"fmt"
	"maps"
	"net/netip"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/model"
)

// mostReplicas bounds the pods of one workload: they are equal to policies, and three show what
// two of them do to each other.
const mostReplicas = 3

// workload says where a kind keeps its pods' template and their number.
type workload struct {
	template []any
	replicas []any // none: one pod
	labels   func(name string, ordinal int) map[string]string
}

// workloads are the kinds that make pods, by group and kind.
func workloads() map[string]workload {
	plain, none := []any{"spec", "template"}, func(string, int) map[string]string { return nil }
	replicas := []any{"spec", "replicas"}
	return map[string]workload{
		"apps/Deployment":        {plain, replicas, none},
		"apps/ReplicaSet":        {plain, replicas, none},
		"apps/DaemonSet":         {plain, nil, none},
		"apps/StatefulSet":       {plain, replicas, ofStatefulSet},
		"/ReplicationController": {plain, replicas, none},
		"batch/Job":              {plain, []any{"spec", "parallelism"}, ofJob},
		"batch/CronJob":          {[]any{"spec", "jobTemplate", "spec", "template"}, []any{"spec", "jobTemplate", "spec", "parallelism"}, none},
	}
}

// ofStatefulSet are the labels that its controller adds, which people do select by.
func ofStatefulSet(name string, ordinal int) map[string]string {
	return map[string]string{
		"statefulset.kubernetes.io/pod-name": fmt.Sprintf("%s-%d", name, ordinal),
		"apps.kubernetes.io/pod-index":       strconv.Itoa(ordinal),
	}
}

func ofJob(name string, _ int) map[string]string {
	return map[string]string{batchv1.JobNameLabel: name, "job-name": name}
}

// template is what policies can see of a pod's template. There is no field for environment,
// commands, arguments, volumes.
type template struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		NodeName       string      `json:"nodeName"`
		HostNetwork    bool        `json:"hostNetwork"`
		Containers     []container `json:"containers"`
		InitContainers []container `json:"initContainers"`
	} `json:"spec"`
	Status struct {
		Phase  corev1.PodPhase `json:"phase"`
		PodIPs []corev1.PodIP  `json:"podIPs"`
	} `json:"status"`
}

type container struct {
	Ports         []corev1.ContainerPort         `json:"ports"`
	RestartPolicy *corev1.ContainerRestartPolicy `json:"restartPolicy"`
}

// api is the template as an API object that holds nothing else.
func (t *template) api() *corev1.Pod {
	containers := func(list []container) (out []corev1.Container) {
		for _, c := range list {
			out = append(out, corev1.Container{Ports: c.Ports, RestartPolicy: c.RestartPolicy})
		}
		return out
	}
	p := &corev1.Pod{Status: corev1.PodStatus{Phase: t.Status.Phase, PodIPs: t.Status.PodIPs}}
	p.Labels = t.Metadata.Labels
	p.Spec = corev1.PodSpec{
		NodeName: t.Spec.NodeName, HostNetwork: t.Spec.HostNetwork,
		Containers: containers(t.Spec.Containers), InitContainers: containers(t.Spec.InitContainers),
	}
	return p
}

// pod reads a Pod. One that a cluster printed keeps its addresses.
func (r *reader) pod(d *strictyaml.Document) error {
	var t template
	if err := partial(d, &t); err != nil {
		return err
	}
	if err := r.within(d, &t.Metadata); err != nil {
		return err
	}
	p, ok := model.PodFromAPI(t.api())
	if !ok { // it has ended, and owns no address any more
		return r.builder.Object(place(d), "Pod", t.Metadata.Namespace+"/"+t.Metadata.Name)
	}
	p.Namespace, p.Name = t.Metadata.Namespace, t.Metadata.Name
	return r.add(d, p)
}

// workload makes the pods that a controller would make. A workload that is scaled to none is
// taken as one pod: it is there to come back.
func (r *reader) workload(d *strictyaml.Document, kind string, w workload) error {
	var o struct {
		Metadata meta `json:"metadata"`
	}
	if err := partial(d, &o); err != nil {
		return err
	}
	if err := r.within(d, &o.Metadata); err != nil {
		return err
	}
	if err := r.builder.Object(place(d), kind, o.Metadata.Namespace+"/"+o.Metadata.Name); err != nil {
		return err
	}
	at := strictyaml.Find(d.Root, w.template...)
	if at == nil {
		return d.ErrorOn(d.At(w.template...), "%s %s has no pod template at %s: give it one", kind, o.Metadata.Name, strictyaml.Path(w.template...))
	}
	var t template
	sub := *d
	sub.Root = at
	if err := partial(&sub, &t); err != nil {
		return err
	}
	n, err := replicas(d, w.replicas)
	if err != nil {
		return err
	}
	for i := range n {
		p, _ := model.PodFromAPI(t.api())
		p.Namespace, p.Name = o.Metadata.Namespace, fmt.Sprintf("%s-%d", o.Metadata.Name, i)
		p.Labels = maps.Clone(p.Labels)
		for k, v := range w.labels(o.Metadata.Name, i) {
			if p.Labels == nil {
				p.Labels = map[string]string{}
			}
			p.Labels[k] = v
		}
		if err := r.add(d, p); err != nil {
			return err
		}
	}
	return nil
}

// replicas is how many pods a workload has, within bounds.
func replicas(d *strictyaml.Document, path []any) (int, error) {
	n := strictyaml.Find(d.Root, path...)
	if len(path) == 0 || n == nil || n.Tag == "!!null" {
		return 1, nil
	}
	number, err := strconv.Atoi(n.Value)
	if err != nil || number < 0 {
		return 0, d.ErrorOn(n, "%s: want a number of pods, have %q", strictyaml.Path(path...), n.Value)
	}
	return min(max(number, 1), mostReplicas), nil
}

// add gives a pod addresses, where a cluster has not: every pod of a manifest is one that runs. A
// pod on the host network would have its node's, and manifests have no nodes.
func (r *reader) add(d *strictyaml.Document, p model.Pod) error {
	if !p.HostNetwork && len(p.IPs) == 0 {
		ips, err := r.addresses.next()
		if err != nil {
			return d.ErrorOn(d.Root, "%v", err)
		}
		p.IPs = ips
	}
	return r.builder.Pod(place(d), p)
}

// addresses are invented one after the other, so that the same manifests give the same.
type addresses struct {
	cidrs []netip.Prefix
	last  []netip.Addr
}

func (a *addresses) next() ([]netip.Addr, error) {
	if a.last == nil {
		for _, c := range a.cidrs {
			a.last = append(a.last, c.Masked().Addr())
		}
	}
	out := make([]netip.Addr, len(a.last))
	for i, last := range a.last {
		out[i] = last.Next()
		if !a.cidrs[i].Contains(out[i]) {
			return nil, fmt.Errorf("the range %s has no address left for this pod: give a wider one", a.cidrs[i])
		}
		a.last[i] = out[i]
	}
	return out, nil
}
