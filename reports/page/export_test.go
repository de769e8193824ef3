package page

import "testing"

// Inspect opens a page that another package has written, in light and dark and on a phone, and
// wants no complaint of the browser and no fault that axe-core finds.
func Inspect(t *testing.T, path string) {
	t.Helper()
	ctx := browser(t)
	for _, l := range []look{{"light", 1200, 900}, {"dark", 1200, 900}, {"light", 360, 740}} {
		p := open(ctx, t, path, l)
		if over := ask[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("%v: the page is %d pixels wider than the window", l, over)
		}
		p.accessible()
		p.quiet()
	}
}
