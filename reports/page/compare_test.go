package page

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

// sampleSides are runs of three engines: one that is right, one that is wrong now and then, and one
// that has not played all.
func sampleSides() []Side {
	good, bad, short := sample(2000, 0), sample(2000, 0.002), sample(2000, 0.001)
	bad.Engine, bad.Kernel = "kube-router", "6.19"
	short.Engine, short.EngineVersion, short.Cases = "kube-router", "v2", short.Cases[:5]
	return Sides([]*v1.Run{good, bad, short}, []string{"results/a", "results/b", "results/c"})
}

func comparison(t *testing.T, sides []Side, data *v1.ScaleData, sum *v1.ScaleSummary) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteComparison(&b, sides, data, sum, []string{"results/c is unfinished."}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSidesHaveNamesOfTheirOwn(t *testing.T) {
	run := func(engine, version string) *v1.Run {
		return &v1.Run{RunConditions: v1.RunConditions{Engine: engine, EngineVersion: version}}
	}
	var got []string
	for _, s := range Sides([]*v1.Run{run("a", ""), run("b", "v1"), run("b", "v2"), run("c", "v1"), run("c", "v1")}, []string{"1", "2", "3", "4", "5"}) {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff([]string{"a", "b v1", "b v2", "c, 4", "c, 5"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the script filters by is what the cells of the runs say.
func TestVersusCountsCells(t *testing.T) {
	sides := sampleSides()
	v := versusOf(sides)
	for i := range sides {
		f, total := sides[i].Run.Figures(), [5]int{}
		for _, c := range v.Cases {
			if c.Sides[i] == nil {
				continue
			}
			for _, n := range c.Sides[i].Counts {
				for k := 1; k < 5; k++ {
					total[k] += n[k]
				}
			}
		}
		if want := [5]int{0, f.Cells - f.CellsObserved, f.Leaks, f.Outages, f.CellsVoid}; total != want {
			t.Errorf("%s: %v, want %v", sides[i].Name, total, want)
		}
	}
	absent := 0
	for _, c := range v.Cases {
		absent += bit(c.Sides[2] == nil)
	}
	if want := len(sides[0].Run.Cases) - 5; absent != want {
		t.Errorf("%d cases were not played, want %d", absent, want)
	}
}

func TestComparisonSaysWhatDiffers(t *testing.T) {
	data, sum := sampleScale()
	page := comparison(t, sampleSides(), data, sum)
	for _, want := range []string{
		"These conditions are not equal: kernel.", "results/c is unfinished.", "not played", "chart-convergence-0", "chart-convergence-1", `id="memory"`, "reference, kube-router, kube-router v2, slow",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if page != comparison(t, sampleSides(), data, sum) {
		t.Error("equal runs make unequal pages")
	}
	if alone := comparison(t, nil, data, sum); strings.Contains(alone, `id="cases"`) {
		t.Error("scale alone has cases")
	}
}

func TestComparisonInABrowser(t *testing.T) {
	data, sum := sampleScale()
	path := filepath.Join(t.TempDir(), "compare.html")
	if err := os.WriteFile(path, []byte(comparison(t, sampleSides(), data, sum)), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := browser(t)
	for _, l := range []look{{"light", 1280, 900}, {"dark", 360, 740}} {
		t.Run(fmt.Sprintf("%s, %d wide", l.scheme, l.width), func(t *testing.T) {
			p := open(ctx, t, path, l)
			if over := ask[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("the page is %d pixels wider than the window", over)
			}
			all := ask[string](p, `document.querySelector(".found").textContent`)
			rows := ask[int](p, `document.querySelectorAll(".versus tbody tr").length`)
			differ := ask[string](p, choose("filter-outcome", "differ"))
			left := ask[int](p, `document.querySelectorAll(".versus tbody tr").length`)
			if all == differ || left == 0 || left >= rows {
				t.Errorf("%d of %d cases differ: %q, of all %q", left, rows, differ, all)
			}
			if family := ask[string](p, choose("filter-family", "IPv6")); family == differ {
				t.Errorf("in IPv6 the same: %q", family)
			}
			p.do(inPage(`document.querySelector(".filters .button").click()`), inPage(`document.querySelectorAll(".versus .link")[3].focus()`), chromedp.KeyEvent(kb.Enter))
			want, got := ask[string](p, `document.activeElement.textContent`), ask[string](p, `document.querySelector(".case-detail h3").textContent`)
			if want != got {
				t.Errorf("Enter on %s shows %s", want, got)
			}
			p.accessible()
			p.printed("The same as a table")
			p.quiet()
		})
	}
}
