package kindtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/suites/fixture"
)

var (
	killsFlag  = flag.Int("kills", 0, "of TestSonobuoyChaos, which is skipped without")
	seedFlag   = flag.Uint64("seed", 0, "of kills; 0 draws one")
	atOnceFlag = flag.Int("at-once", 5, "runs of Sonobuoy at a time")
	withinFlag = flag.Duration("within", 2*time.Hour, "no run is begun later")
)

const (
	timeout  = 5 * time.Minute // Sonobuoy's, for each run
	youngest = time.Minute     // what is killed is no older
)

// slow are cases that take long where nothing enforces policies, but for the first.
var slow = []string{"--case=allow-all", "--case=isolation-deny-ingress", "--case=isolation-deny-egress", "--case=isolation-deny-both", "--case=isolation-two-namespaces", "--parallel=1", "--sentinel=0"}

// kill is one of a kind, at an instant of the run's life.
type kill struct {
	n     int
	fault fault
	after time.Duration
	flags []string
}

// ending is what became of a run that was killed.
type ending struct {
	kill   kill
	left   string        // what it says of its end
	judged int           // cases
	took   time.Duration // from the kill to its results
	err    error         // what must not be
}

// TestSonobuoyChaos kills many runs, each at an instant drawn from the seed.
func TestSonobuoyChaos(t *testing.T) {
	if *killsFlag == 0 {
		t.Skip("takes long: give -kills, or make sonobuoy-chaos")
	}
	w := newWorld(t)
	seed := cmp.Or(*seedFlag, rand.Uint64N(1e6)+1)
	var kills []kill
	for r := rand.New(rand.NewPCG(seed, 1)); len(kills) < *killsFlag; {
		kills = append(kills, draw(r, len(kills), faults()[len(kills)%len(faults())]))
	}
	t.Logf("%d kills, seed %d", len(kills), seed)
	w.chaos(t, kills)
}

// onceEach are all kinds of kills.
func onceEach(seed uint64) (kills []kill) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i, f := range faults() {
		kills = append(kills, draw(r, i, f))
	}
	return kills
}

func draw(r *rand.Rand, n int, f fault) kill {
	k := kill{n: n, fault: f, after: time.Duration(r.Int64N(int64(youngest)))}
	k.flags = append(slices.Clone(slow), "--run-deadline=3m")
	if f.flags != nil {
		k.flags = append(k.flags, f.flags(r)...)
	}
	return k
}

// chaos kills a run for each, some at a time, and tells what they have left.
func (w *world) chaos(t *testing.T, kills []kill) {
	t.Helper()
	var alone, shared []kill
	for _, k := range kills {
		if k.fault.shared {
			shared = append(shared, k)
		} else {
			alone = append(alone, k)
		}
	}
	last := time.Now().Add(*withinFlag)
	var endings []ending
	for together := range slices.Chunk(shared, *atOnceFlag) {
		endings = append(endings, w.killAll(t, strikeOnce(together), last)...)
	}
	endings = append(endings, w.killAll(t, alone, last)...)
	if err := w.noLeftovers(t.Context()); err != nil {
		t.Error(err)
	}
	t.Log("\n" + table(endings))
}

// strikeOnce has the first that comes strike for all of them, who suffer it at different ages.
func strikeOnce(kills []kill) []kill {
	strike := kills[0].fault.strike
	var once sync.Once
	var err error
	for i := range kills {
		kills[i].fault.strike = func(ctx context.Context, w *world, p *corev1.Pod) error {
			once.Do(func() { err = strike(ctx, w, p) })
			return err
		}
	}
	return kills
}

// killAll tells of each as soon as it is over.
func (w *world) killAll(t *testing.T, kills []kill, last time.Time) []ending {
	t.Helper()
	endings := make([]ending, len(kills))
	var g errgroup.Group
	g.SetLimit(*atOnceFlag)
	for i, k := range kills {
		g.Go(func() error {
			if time.Now().After(last) {
				return nil
			}
			e := &endings[i]
			e.kill = k
			e.err = w.kill(t.Context(), e)
			t.Logf("kill %d (%s after %.1f s): %s; %d cases judged; results after %.1f s", k.n, k.fault.name, k.after.Seconds(), e.left, e.judged, e.took.Seconds())
			if e.err != nil {
				t.Errorf("kill %d (%s after %v, flags %v): %v", k.n, k.fault.name, k.after, k.flags, e.err)
			}
			return nil // the others go on
		})
	}
	_ = g.Wait() // of goroutines that have none
	begun := slices.DeleteFunc(endings, func(e ending) bool { return e.kill.fault.name == "" })
	if len(begun) < len(kills) {
		t.Errorf("%d of %d kills: the time was over", len(begun), len(kills))
	}
	return begun
}

// kill starts a run, kills it, and looks at what it leaves.
func (w *world) kill(ctx context.Context, e *ending) error {
	p := &plugin{world: w, namespace: fmt.Sprintf("killed-%d", e.kill.n)}
	definition, err := w.gen(ctx, p.namespace, "sonobuoy", e.kill.flags...)
	if err != nil {
		return err
	}
	// Afterwards Sonobuoy asks for all objects of the cluster, which takes it minutes where many runs are.
	config := filepath.Join(w.dir, p.namespace+".json")
	if err := os.WriteFile(config, []byte(`{"Resources": ["serverversion"]}`), 0o644); err != nil {
		return err
	}
	if _, err := w.command(ctx, w.sonobuoy, "run", "--config", config, "-n", p.namespace, "--plugin", definition, "--skip-preflight", fmt.Sprintf("--timeout=%.0f", timeout.Seconds())); err != nil {
		return err
	}
	pod, err := p.pod(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if e.kill.fault.strike != nil {
		if err := pause(ctx, e.kill.after); err != nil {
			return err
		}
		began = time.Now()
		if err := e.kill.fault.strike(ctx, w, pod); err != nil {
			return fmt.Errorf("kill: %w", err)
		}
	}
	s, err := p.over(ctx, timeout+time.Minute)
	e.took = time.Since(began)
	if err != nil {
		return fmt.Errorf("it hangs: %w", err)
	}
	file, err := p.retrieve(ctx)
	if err != nil {
		return err
	}
	all, ours, err := results(file)
	if err == nil {
		err = e.look(s, all, ours)
	}
	if err != nil {
		return fmt.Errorf("%w (%s)", err, file)
	}
	if id := ours.runID(); id != "" {
		_, err := w.command(ctx, w.netassay, "clean", "--kubeconfig", w.cluster.Kubeconfig(), "--run", id)
		if err != nil && !strings.Contains(err.Error(), "has no namespaces of run") { // it had the time to clean up
			return err
		}
	}
	_, err = w.command(ctx, w.sonobuoy, "delete", "-n", p.namespace)
	return err
}

// look fills in what was left.
func (e *ending) look(s status, all, ours tarball) (err error) {
	if len(s.Plugins) != 1 || s.Plugins[0].ResultStatus != "failed" {
		return fmt.Errorf("status %+v, want failed", s)
	}
	if ours["junit.xml"] == nil {
		return e.lookElsewhere(all)
	}
	e.left, e.judged, err = ours.read()
	switch {
	case err != nil:
		return err
	case e.left == "":
		e.left = "it came to its end"
		return fmt.Errorf("it was not killed: %d cases judged", e.judged)
	case ours["log.txt"] == nil: // it may be empty
		return fmt.Errorf("no log among %d files", len(ours))
	}
	return nil
}

// lookElsewhere is look where the plugin has left nothing: then the aggregator has to know.
func (e *ending) lookElsewhere(all tarball) error {
	var told struct{ Error string }
	if err := json.Unmarshal(all["plugins/"+pluginName+"/errors/global/error.json"], &told); err != nil || told.Error == "" {
		return errors.Join(fmt.Errorf("nobody has left anything: %d files", len(all)), err)
	}
	e.left = "Sonobuoy: " + told.Error
	return nil
}

// leftover says what killed runs have left in the cluster.
func (w *world) leftover(ctx context.Context) (string, error) {
	list, err := w.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: fixture.RunLabel})
	if err != nil || len(list.Items) == 0 {
		return "", err
	}
	return fmt.Sprintf("%d namespaces", len(list.Items)), nil
}

// table tells the kinds of kills by what was left.
func table(endings []ending) string {
	rows := map[string]map[string][]float64{}
	for _, e := range endings {
		name, left := e.kill.fault.name, cmp.Or(e.left, "nothing")
		if rows[name] == nil {
			rows[name] = map[string][]float64{}
		}
		rows[name][left] = append(rows[name][left], e.took.Seconds())
	}
	var out strings.Builder
	tab := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "kill\twhat was left\tn\tresults after, median\tmost")
	for _, f := range faults() {
		for _, left := range slices.Sorted(maps.Keys(rows[f.name])) {
			took := rows[f.name][left]
			slices.Sort(took)
			fmt.Fprintf(tab, "%s\t%s\t%d\t%.0f s\t%.0f s\n", f.name, left, len(took), took[len(took)/2], took[len(took)-1])
		}
	}
	_ = tab.Flush() // to memory
	bad := 0
	for _, e := range endings {
		if e.err != nil {
			bad++
		}
	}
	fmt.Fprintf(&out, "%d of %d kills left results that say so\n", len(endings)-bad, len(endings))
	return out.String()
}
