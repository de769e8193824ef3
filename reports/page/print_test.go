package page

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// printed checks the page on paper: no sheet is blank, nothing is folded or cut off, and what is
// wanted is there. It leaves the page as it was.
func (p *tab) printed(want string) {
	p.t.Helper()
	theme := ask[string](p, `document.documentElement.dataset.theme`)
	folded := ask[int](p, `document.querySelectorAll("details:not([open])").length`)
	file := filepath.Join(p.t.TempDir(), "page.pdf")
	if err := os.WriteFile(file, p.pdf(), 0o644); err != nil {
		p.t.Fatal(err)
	}
	text := p.tool("pdftotext", file, "-")
	for _, words := range []string{"This page is one file", want} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), words) {
			p.t.Errorf("on paper there is no %q", words)
		}
	}
	p.notBlank(file)
	if again := ask[int](p, `document.querySelectorAll("details:not([open])").length`); again != folded {
		p.t.Errorf("%d parts are folded after printing, were %d", again, folded)
	}
	if again := ask[string](p, `document.documentElement.dataset.theme`); again != theme {
		p.t.Errorf("the theme is %s after printing, was %s", again, theme)
	}
	p.fits()
}

func (p *tab) pdf() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p, time.Minute)
	defer cancel()
	background := true
	var out []byte
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		r, err := cdp.Call(ctx, t, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, PrintBackground: &background})
		out = r.Data
		return err
	}))
	if err != nil {
		p.t.Fatalf("print: %v", err)
	}
	return out
}

// tool runs one of poppler's programs.
func (p *tab) tool(name string, args ...string) string {
	p.t.Helper()
	out, err := exec.Command(need(p.t, name), args...).Output()
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

// notBlank wants something on each sheet: one pixel in a thousand is not white.
func (p *tab) notBlank(file string) {
	p.t.Helper()
	sheets := []byte(p.tool("pdftoppm", "-r", "30", "-gray", file))
	for n := 1; len(sheets) > 0; n++ {
		var width, height, white int
		if _, err := fmt.Sscanf(string(sheets[:min(len(sheets), 40)]), "P5\n%d %d\n%d\n", &width, &height, &white); err != nil {
			p.t.Fatalf("sheet %d: %v", n, err)
		}
		head := len(fmt.Sprintf("P5\n%d %d\n%d\n", width, height, white))
		pixels := sheets[head : head+width*height]
		if dark := len(pixels) - bytes.Count(pixels, []byte{byte(white)}); dark*1000 < len(pixels) {
			p.t.Errorf("sheet %d is blank: %d of %d pixels", n, dark, len(pixels))
		}
		sheets = sheets[head+width*height:]
	}
}

// fits wants all to fit between the margins of a sheet, and no part to hide what it has.
func (p *tab) fits() {
	p.t.Helper()
	before := ask[[]int64](p, `[innerWidth, innerHeight]`)
	media := func(m string) chromedp.Action[chromedp.Void] {
		return raw(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: m, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}})
	}
	p.do(media("print"), chromedp.EmulateViewport(702, 1032), inPage(`dispatchEvent(new Event("beforeprint"))`))
	cut := ask[[]string](p, `[...document.querySelectorAll("main table, main svg, main canvas, main pre, main .scroll, main .wide, main .tiles")].filter(n => {
		const box = n.getBoundingClientRect();
		return box.width > 0 && (box.right > innerWidth + 1 || getComputedStyle(n).overflowX !== "visible" && n.tagName !== "svg" && n.scrollWidth > n.clientWidth + 1);
	}).map(n => n.tagName + "." + (n.getAttribute("class") ?? "") + " " + n.textContent.trim().slice(0, 60) + " " + Math.round(n.getBoundingClientRect().right))`)
	for _, c := range cut {
		p.t.Errorf("cut off on paper: %s", c)
	}
	p.do(inPage(`dispatchEvent(new Event("afterprint"))`), media(""), chromedp.EmulateViewport(before[0], before[1]))
}
