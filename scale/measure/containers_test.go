package measure

import (
	"testing"

	"github.com/netassay/netassay/engines/agents"
)

// Two containers of the agent's pod, a namesake elsewhere, and what cadvisor adds: the sum of the
// pod, without a container, and the pause container.
const resourcePage = `# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="agent",namespace="kube-system",pod="agent-x1"} 12.5 1764417600000
container_cpu_usage_seconds_total{container="mount",namespace="kube-system",pod="agent-x1"} 0.5 1764417600500
container_cpu_usage_seconds_total{container="agent",namespace="other",pod="agent-x1"} 99 1764417609000
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{container="agent",namespace="kube-system",pod="agent-x1"} 1.048576e+06 1764417600000
container_memory_working_set_bytes{container="mount",namespace="kube-system",pod="agent-x1"} 1024 1764417600000
container_memory_working_set_bytes{container="agent",namespace="kube-system",pod="agent-x2"} 5e+09 1764417609000
`

const cadvisorPage = `# TYPE container_memory_rss gauge
container_memory_rss{container="",namespace="kube-system",pod="agent-x1"} 700
container_memory_rss{container="POD",namespace="kube-system",pod="agent-x1"} 100
container_memory_rss{container="agent",namespace="kube-system",pod="agent-x1"} 600
# TYPE container_memory_max_usage_bytes gauge
container_memory_max_usage_bytes{container="agent",namespace="kube-system",pod="agent-x1"} 900
`

func page(t *testing.T, text string) agents.Metrics {
	t.Helper()
	m, err := agents.ParseMetrics([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReadContainers(t *testing.T) {
	got, ok := ReadContainers(page(t, resourcePage), "kube-system", []string{"agent-x1"})
	if want := (Containers{WorkingSet: 1<<20 + 1024, CPU: 13, At: 1764417600500}); !ok || got != want {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
	if got, ok := ReadContainers(page(t, resourcePage), "kube-system", []string{"agent-x9"}); ok {
		t.Errorf("of a pod that is not there: %+v", got)
	}
	if anon, peak := ReadPeaks(page(t, cadvisorPage), "kube-system", []string{"agent-x1"}); anon != 600 || peak != 900 {
		t.Errorf("got %d, %d", anon, peak)
	}
}
