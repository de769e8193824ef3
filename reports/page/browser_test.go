package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	v1 "github.com/netassay/netassay/reports/v1"
)

// tab is a tab of a browser that has a page open, and what it complained of.
type tab struct {
	context.Context
	t *testing.T

	mu         sync.Mutex
	complaints []string // console, exceptions, requests
}

// browser is a headless Chromium, for one test.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(need(t, "chromium")), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2*time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx
}

// look says how a page is looked at.
type look struct {
	scheme        string // "light" or "dark"
	width, height int64
}

// show opens the page of a run in a tab and waits until its script is done.
func show(ctx context.Context, t *testing.T, run v1.Experiment, sum any, l look) *tab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(f, run, sum, State{Whole: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return open(ctx, t, path, l)
}

func open(ctx context.Context, t *testing.T, path string, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	p := &tab{Context: ctx, t: t}
	url := "file://" + path
	if err := chromedp.Listen(ctx, func(e any) {
		switch e := e.(type) {
		case *cdpruntime.EventConsoleAPICalled:
			p.complain("console: " + string(e.Type))
		case *cdpruntime.EventExceptionThrown:
			p.complain("exception: " + e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			p.complain("log: " + e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if e.Request.URL != url {
				p.complain("request: " + e.Request.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	p.do(raw(page.BringToFront, cdp.Empty{}), raw(network.Enable, network.EnableParams{}), raw(log.Enable, cdp.Empty{}),
		raw(performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}),
		raw(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}}),
		chromedp.EmulateViewport(l.width, l.height), chromedp.Navigate(url), chromedp.WaitReady(`html[data-ready="true"]`))
	return p
}

func (p *tab) complain(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, what)
}

// inPage runs in the page.
func inPage(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](text)
}

// raw is a command of the browser's protocol.
func raw[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("in the browser: %v; it complained of %q", err, p.complaints)
	}
}

// ask evaluates an expression, which may be a promise.
func ask[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p, time.Minute)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// quiet checks that the browser had nothing to complain of.
func (p *tab) quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.complaints {
		p.t.Errorf("the browser complains: %s", c)
	}
}

// accessible checks what axe-core finds, in the page as it stands.
func (p *tab) accessible() {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join(built(p.t), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.do(inPage(string(axe)))
	found := ask[string](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(
		v => ({id: v.id, impact: v.impact, help: v.help, where: v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + n.failureSummary)}))))`)
	var all []struct {
		ID, Impact, Help string
		Where            []string
	}
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range all {
		report := p.t.Logf
		if v.Impact == "serious" || v.Impact == "critical" {
			report = p.t.Errorf
		}
		report("axe: %s (%s): %s\n%s", v.ID, v.Impact, v.Help, strings.Join(v.Where, "\n"))
	}
}

func TestConformancePageInABrowser(t *testing.T) {
	ctx := browser(t)
	for _, l := range []look{{"light", 1280, 900}, {"dark", 1280, 900}, {"light", 360, 740}} {
		t.Run(fmt.Sprintf("%s, %d wide", l.scheme, l.width), func(t *testing.T) {
			p := show(ctx, t, sample(2000, 0.02), nil, l)
			if got := ask[string](p, `document.documentElement.dataset.theme`); got != l.scheme {
				t.Errorf("the theme is %s, the system's %s", got, l.scheme)
			}
			if over := ask[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("the page is %d pixels wider than the window", over)
			}
			if charts := ask[int](p, `document.querySelectorAll(".plot canvas").length`); charts == 0 {
				t.Error("no chart is drawn")
			}
			filters(p)
			keyboard(p)
			links(p)
			p.printed("Choose a square to see its cells") // in a step that was folded
			p.accessible()
			p.quiet()
		})
	}
}

// choose sets a control as a user does.
func choose(id, value string) string {
	return fmt.Sprintf(`(() => { const c = document.getElementById(%q); c.value = %q; c.dispatchEvent(new Event(c.tagName === "SELECT" ? "change" : "input", {bubbles: true})); return document.querySelector(".found").textContent })()`, id, value)
}

func filters(p *tab) {
	p.t.Helper()
	all := ask[string](p, `document.querySelector(".found").textContent`)
	leaks := ask[string](p, choose("filter-outcome", "leak"))
	if leaks == all || ask[int](p, `document.querySelectorAll(".square:not(.leak)[role=gridcell]").length`) != 0 {
		p.t.Errorf("of leaks alone: %q, of all: %q", leaks, all)
	}
	family := ask[string](p, choose("filter-family", "IPv6"))
	if family == leaks {
		p.t.Errorf("in IPv6 the same: %q", family)
	}
	if none := ask[string](p, choose("filter-text", "no such case")); !strings.HasPrefix(none, "0 of ") {
		p.t.Errorf("of a case that is not there: %q", none)
	}
	p.do(inPage(`document.querySelector(".filters .button").click()`))
	if again := ask[string](p, `document.querySelector(".found").textContent`); again != all {
		p.t.Errorf("cleared: %q, want %q", again, all)
	}
}

func keyboard(p *tab) {
	p.t.Helper()
	name := `document.querySelector(".case-detail h3").firstChild.textContent`
	first := ask[string](p, name)
	if hidden := ask[bool](p, `(() => { const l = document.querySelector(".caselist").getBoundingClientRect(), r = document.querySelector('.caselist [aria-selected="true"]').getBoundingClientRect(); return r.top < l.top - 1 || r.bottom > l.bottom + 1 })()`); hidden {
		p.t.Error("the chosen case is scrolled out of the list")
	}
	p.do(inPage(`document.querySelector(".caselist").focus()`), chromedp.KeyEvent(kb.ArrowDown))
	second := ask[string](p, name)
	if second == first {
		p.t.Errorf("the arrow leads from %s to %s", first, second)
	}
	p.do(chromedp.KeyEvent(kb.Home))
	if again := ask[string](p, name); again != first {
		p.t.Errorf("Home leads to %s, want %s", again, first)
	}
	p.do(inPage(`document.querySelector('.matrix [tabindex="0"]').focus()`))
	before := ask[string](p, `document.activeElement.getAttribute("aria-label")`)
	p.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	after := ask[string](p, `document.activeElement.getAttribute("aria-label")`)
	shown := ask[string](p, `document.querySelector(".square-detail h4").textContent`)
	if before == after || shown != after {
		p.t.Errorf("from the square %q the arrow leads to %q, and Enter shows %q", before, after, shown)
	}
}

// links checks that what went wrong over time is drawn, and leads to its case: also to one that
// the filter has left out.
func links(p *tab) {
	p.t.Helper()
	if marks := ask[int](p, `document.querySelectorAll("#time .span.bad use, #time .span.warn use").length`); marks == 0 {
		p.t.Error("no leak and no outage is marked over time")
	}
	link := `document.querySelector('#time a[href^="#case="]')`
	want := ask[string](p, link+`.textContent.split(":")[0]`)
	p.do(inPage(choose("filter-text", "no such case")), inPage(link+`.click()`))
	if got := ask[string](p, `document.querySelector(".case-detail h3")?.firstChild.textContent.trim()`); got != want {
		p.t.Errorf("the link to %s opens %s", want, got)
	}
}

// processor is how long the page's main thread has had a processor since its last navigation, in ms:
// what it costs, however many others wait for the same processors.
func (p *tab) processor() float64 {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p, time.Minute)
	defer cancel()
	var ms float64
	if err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		r, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		for _, m := range r.Metrics {
			if m.Name == "TaskDuration" {
				ms = 1000 * m.Value
			}
		}
		return err
	})); err != nil {
		p.t.Fatalf("ask for processor time: %v", err)
	}
	return ms
}

// cost is the processor time of a change until the page is laid out anew, in ms.
func cost(p *tab, change string) float64 {
	p.t.Helper()
	before := p.processor()
	p.do(inPage(change + `; document.body.getBoundingClientRect()`))
	return p.processor() - before
}

// The bounds are those of 50,000 cells on 2 slow cores; faster ones take half of the time. Held
// against them is what the page's main thread takes of a processor, which is the same on a machine
// that is busy with other work: for the first paint all of it until the script is done, which is more
// than the paint. The best of some tries counts, since caches are shared. The clock on the wall is
// told, and judged by nobody.
func TestLargePageIsFast(t *testing.T) {
	const size, paint, filter = 1_500_000, 750.0, 150.0
	path := filepath.Join(t.TempDir(), "report.html")
	var file bytes.Buffer
	if err := Write(&file, sample(50_000, 0.01), nil, State{Whole: true}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("50,000 cells: %d bytes", file.Len())
	if file.Len() > size {
		t.Errorf("the page has %d bytes, want at most %d", file.Len(), size)
	}
	ctx := browser(t)
	opened, slowest := math.Inf(1), math.Inf(1)
	for deadline := time.Now().Add(time.Minute); ; {
		p := open(ctx, t, path, look{"light", 1280, 900})
		opened = min(opened, p.processor())
		painted := ask[float64](p, `new Promise(done => new PerformanceObserver(l => done(l.getEntriesByName("first-contentful-paint")[0].startTime)).observe({type: "paint", buffered: true}))`)
		worst := 0.0
		for _, change := range []string{choose("filter-family", "IPv6"), choose("filter-outcome", "outage"), choose("filter-text", "port"), choose("filter-text", "")} {
			worst = max(worst, min(cost(p, change), cost(p, change)))
		}
		slowest = min(slowest, worst)
		p.quiet()
		t.Logf("processor time: opened within %.0f ms, slowest filter %.0f ms; first paint after %.0f ms on the wall", opened, slowest, painted)
		if opened <= paint && slowest <= filter {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("opening takes %.0f ms of a processor, want %.0f; slowest filter %.0f ms, want %.0f", opened, paint, slowest, filter)
		}
	}
}
