package kindtest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/netassay/netassay/incluster/outcome"
)

// cases are few, and such that no engine can pass the first but by enforcing.
var cases = []string{"isolation-deny-ingress", "allow-all", "peer-pod-selector"}

// caseFlags choose them. What the sentinels see is no part of what is tested, and void where the
// machine is starved.
func caseFlags() []string {
	flags := []string{"--sentinel=0"}
	for _, c := range cases {
		flags = append(flags, "--case="+c)
	}
	return flags
}

// TestSonobuoyOnKind is what docs/sonobuoy.md tells people to do: without an engine our cases fail
// by name and with evidence, with one they pass; and so they do in a plain Job. Each way to kill a
// run is taken once.
func TestSonobuoyOnKind(t *testing.T) {
	w := newWorld(t)
	t.Run("nothing enforces policies", w.fails)
	t.Run("killed", func(t *testing.T) { w.chaos(t, onceEach(1)) })
	w.enforce(t)
	t.Run("an engine is at work", w.passes)
	t.Run("plain Job", w.job)
}

// plays plays the cases under sonobuoy run --wait, and returns the results.
func (w *world) plays(t *testing.T, namespace string) (p *plugin, s status, file string) {
	t.Helper()
	definition, err := w.gen(t.Context(), namespace, "sonobuoy", caseFlags()...)
	if err != nil {
		t.Fatal(err)
	}
	p = &plugin{world: w, namespace: namespace}
	t.Log(w.must(t, w.sonobuoy, "run", "-n", namespace, "--wait=5", "--plugin", definition))
	t.Log(w.must(t, w.sonobuoy, "status", "-n", namespace))
	if s, err = p.over(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	if file, err = p.retrieve(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log(w.must(t, w.sonobuoy, "results", file))
	return p, s, file
}

// item is a line of sonobuoy results --mode detailed.
type item struct {
	Name, Status string
	Details      map[string]any
}

// items are our cases as Sonobuoy tells them, by name.
func (w *world) items(t *testing.T, file string) map[string]item {
	t.Helper()
	all := map[string]item{}
	for line := range strings.Lines(w.must(t, w.sonobuoy, "results", file, "--plugin", pluginName, "--mode", "detailed")) {
		var i item
		if err := json.Unmarshal([]byte(line), &i); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all[i.Name] = i
	}
	return all
}

func (w *world) fails(t *testing.T) {
	_, s, file := w.plays(t, "sonobuoy")
	if len(s.Plugins) != 1 || s.Plugins[0].ResultStatus != "failed" {
		t.Errorf("status %+v", s)
	}
	items := w.items(t, file)
	if got := items["isolation-deny-ingress"]; got.Status != "failed" || !strings.Contains(evidence(got), "wants Deny") {
		t.Errorf("a case with a deny, where nothing enforces it: %+v", got)
	}
	if got := items["allow-all"]; got.Status != "passed" {
		t.Errorf("a case without one: %+v", got)
	}
	if got := items[outcome.CaseName]; got.Status != "passed" {
		t.Errorf("the experiment: %+v", got)
	}
	w.must(t, w.sonobuoy, "delete", "--wait")
}

func (w *world) passes(t *testing.T) {
	_, s, file := w.plays(t, "sonobuoy")
	if len(s.Plugins) != 1 || s.Plugins[0].ResultStatus != "passed" {
		t.Errorf("status %+v", s)
	}
	items := w.items(t, file)
	for _, c := range append(slices.Clone(cases), outcome.CaseName) {
		if got := items[c]; got.Status != "passed" {
			t.Errorf("%s: %+v", c, got)
		}
	}
	_, ours, err := results(file)
	if err != nil {
		t.Fatal(err)
	}
	w.isWhole(t, ours)
	w.must(t, w.sonobuoy, "delete", "--wait")
}

// evidence is all that an item says.
func evidence(i item) string {
	text, err := json.Marshal(i.Details)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// isWhole sees that files are a whole result directory, whose page opens.
func (w *world) isWhole(t *testing.T, files tarball) {
	t.Helper()
	dir := filepath.Join(w.dir, strings.ReplaceAll(t.Name(), "/", "-"))
	if err := files.unpack(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log.txt", "junit.xml", "summary.json", "records.jsonl", "report.html"} {
		if len(files[name]) == 0 {
			t.Errorf("no %s among %d files", name, len(files))
		}
	}
	t.Log(w.must(t, w.netassay, "report", "validate", dir))
	opens(t, filepath.Join(dir, "report.html"))
}

// opens opens a page in a browser, where its script has to come to its end.
func opens(t *testing.T, page string) {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("the page was not opened: %v", err)
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2*time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, 3*time.Minute)
	defer cancelTime()
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+page), chromedp.WaitReady(`html[data-ready="true"]`)); err != nil {
		t.Fatalf("open %s: %v", page, err)
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.textContent"))
	if err != nil {
		t.Fatalf("read %s: %v", page, err)
	}
	for _, c := range cases {
		if !strings.Contains(text, c) {
			t.Errorf("page %s does not name the case %s", page, c)
		}
	}
}
