package run

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
)

// hermit is an engine that serves no pod that is older than it, judges on links, and has to be told of
// pods on other nodes.
type hermit struct {
	engines.Engine
	young   []string // pods of its node that were there when it was told
	served  []string
	awaited int
}

func (*hermit) Chained() engines.Plugin { return engines.Plugin{} }

func (*hermit) JudgesOnLinks() {}

func (*hermit) Unsupported() []engines.Unsupported {
	return []engines.Unsupported{{Feature: onPods, Reason: "a block holds no pod"}}
}

func (h *hermit) Publish(ctx context.Context, cfg *restclient.Config, served []string) (engines.Publication, error) {
	h.served = served
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	all, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + served[0]})
	if err != nil {
		return nil, err
	}
	for _, p := range all.Items {
		if strings.HasPrefix(p.Namespace, "scale-") {
			h.young = append(h.young, p.Name)
		}
	}
	return h, nil
}

func (h *hermit) Await(context.Context) error {
	h.awaited++
	return nil
}

func (*hermit) Made() string { return "7 things" }

// An engine of plugins that publishes gets pods that are younger than it, and is awaited when pods are
// there; new pods, which can't be counted, and blocks, which hold none, are left out with a note.
func TestWelcome(t *testing.T) {
	h := &hermit{Engine: enforcer(t)}
	cfg := small("hermit", h)
	cfg.Skip = slices.DeleteFunc(Optional(), func(name string) bool { return name == "populate" || name == "ipBlock edits" || name == "new pods" })
	cfg = inLab(t, cfg)
	var mu sync.Mutex
	var said []string
	log := cfg.Log
	cfg.Log = func(line string) {
		log(line)
		mu.Lock()
		defer mu.Unlock()
		said = append(said, line)
	}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(h.young)
	if want := []string{caller, near, server, witness}; !slices.Equal(h.young, want) || !slices.Equal(h.served, cfg.Lab.Nodes()[:1]) {
		t.Errorf("published beside %v on %v, want %v", h.young, h.served, want)
	}
	if h.awaited < 2 {
		t.Errorf("awaited %d times: at its start, and when pods were written", h.awaited)
	}
	notes := strings.Join(said, "\n")
	for _, want := range []string{"made anew when the engine had started", "7 things", "ipBlocks: not measured, as the clients are pods: a block holds no pod", "new pods are not measured: the engine judges packets on the pods' links"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note says %q", want)
		}
	}
	if strings.Contains(notes, "not enforced") || len(r.Turn.Void) > 0 {
		t.Errorf("void for %v, or the witness's policy is not enforced", r.Turn.Void)
	}
}
