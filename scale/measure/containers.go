package measure

import (
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/netassay/netassay/engines/agents"
)

// Containers is what a kubelet says of all containers of some pods together.
type Containers struct {
	WorkingSet int64   // bytes
	CPU        float64 // seconds so far
	At         int64   // when the last of it was collected, in ms of the node's clock
}

// ReadContainers reads the page /metrics/resource of a kubelet. It is not ok when the page has
// nothing of these pods.
func ReadContainers(page agents.Metrics, namespace string, pods []string) (c Containers, ok bool) {
	memory, at, has := sumOf(page["container_memory_working_set_bytes"], namespace, pods)
	cpu, cpuAt, hasCPU := sumOf(page["container_cpu_usage_seconds_total"], namespace, pods)
	return Containers{WorkingSet: int64(memory), CPU: cpu, At: max(at, cpuAt)}, has && hasCPU
}

// ReadPeaks reads the page /metrics/cadvisor of a kubelet: the memory of the pods that is in no
// file, and the most that they ever had, in bytes. Kubelets may leave out either, which then is 0.
func ReadPeaks(page agents.Metrics, namespace string, pods []string) (anon, peak int64) {
	now, _, _ := sumOf(page["container_memory_rss"], namespace, pods)
	most, _, _ := sumOf(page["container_memory_max_usage_bytes"], namespace, pods)
	return int64(now), int64(most)
}

// sumOf adds up the samples of containers of the pods. cadvisor's page has sums of pods too, and
// the pause containers: these have no name, or that one.
func sumOf(family *dto.MetricFamily, namespace string, pods []string) (total float64, at int64, ok bool) {
	for _, sample := range family.GetMetric() {
		if !ofContainer(sample.GetLabel(), namespace, pods) {
			continue
		}
		total += sample.GetCounter().GetValue() + sample.GetGauge().GetValue() + sample.GetUntyped().GetValue()
		at, ok = max(at, sample.GetTimestampMs()), true
	}
	return total, at, ok
}

func ofContainer(labels []*dto.LabelPair, namespace string, pods []string) bool {
	var container, pod, in string
	for _, l := range labels {
		switch l.GetName() {
		case "container":
			container = l.GetValue()
		case "pod":
			pod = l.GetValue()
		case "namespace":
			in = l.GetValue()
		}
	}
	if container == "" || container == "POD" || in != namespace {
		return false
	}
	for _, p := range pods {
		if strings.EqualFold(p, pod) {
			return true
		}
	}
	return false
}
