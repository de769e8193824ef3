package tell

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/manifests"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/reports/render"
)

// shop is what examples/reach says.
func shop(t *testing.T, q Question) *Report {
	t.Helper()
	v, err := manifests.Read([]string{"../../examples/reach"}, manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Reach(matrix.Of(v, matrix.Options{}), q, Notes(v))
}

func TestGolden(t *testing.T) {
	r := shop(t, Question{})
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"shop.txt":     func(b *bytes.Buffer) error { return r.Table(b) },
		"shop.json":    func(b *bytes.Buffer) error { return render.JSON(b, r) },
		"shop.dot":     func(b *bytes.Buffer) error { return r.Dot(b) },
		"shop.mermaid": func(b *bytes.Buffer) error { return r.Mermaid(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			golden.Check(t, path, b.Bytes())
		})
	}
}

func TestPage(t *testing.T) {
	var b, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&b, &again} {
		if err := shop(t, Question{}).HTML(w); err != nil {
			t.Fatal(err)
		}
	}
	text := b.String()
	for _, want := range []string{"<!doctype html>", "shop/cart", "8080/TCP", "Content-Security-Policy", `data-filter="`, "Clients by servers"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("equal reports give other pages")
	}
}

func TestNamespace(t *testing.T) {
	v := &inventory.Inventory{Snapshot: gen.Large(1, gen.Size{Nodes: 3, Namespaces: 4, Workloads: 12, Pods: 60, Policies: 20})}
	m := matrix.Of(v, matrix.Options{})
	all := Reach(m, Question{}, nil)
	want := 0
	in := map[string]bool{}
	for i := range all.Classes {
		in[all.Classes[i].Name] = all.Classes[i].Namespace == "ns-01"
	}
	for i := range all.Flows {
		if in[all.Flows[i].From] || in[all.Flows[i].To] {
			want++
		}
	}
	if got := len(Reach(m, Question{Namespace: "ns-01"}, nil).Flows); got != want || got == 0 {
		t.Errorf("%d flows of a namespace, want %d", got, want)
	}
	from, err := m.Named("ns-02/", "")
	if err != nil {
		t.Fatal(err)
	}
	if named, all := Reach(m, Question{From: from, Namespace: "ns-01"}, nil), Reach(m, Question{From: from}, nil); len(named.Flows) != len(all.Flows) {
		t.Errorf("%d flows from what is named, %d of them with a namespace for names", len(all.Flows), len(named.Flows))
	}
}

func TestNotes(t *testing.T) {
	v := &inventory.Inventory{Foreign: []inventory.Kind{{APIVersion: "cilium.io/v2", Kind: "CiliumNetworkPolicy", N: 2}, {APIVersion: "cilium.io/v2", Kind: "CiliumClusterwideNetworkPolicy", N: inventory.Uncounted}}}
	want := []string{
		"2 of kind CiliumNetworkPolicy.cilium.io: not understood, and they can allow and deny what is not said here",
		"there may be objects of kind CiliumClusterwideNetworkPolicy.cilium.io, which may not be listed: they can allow and deny what is not said here",
		"there is no NetworkPolicy: everything may talk to everything",
	}
	if diff := cmp.Diff(want, Notes(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A report that is not asked for all is the beginning of the one that is, and says how much more
// there may be.
func TestMost(t *testing.T) {
	v := &inventory.Inventory{Snapshot: gen.Large(1, gen.Size{Nodes: 3, Namespaces: 4, Workloads: 12, Pods: 60, Policies: 20})}
	m := matrix.Of(v, matrix.Options{})
	all := Reach(m, Question{}, nil)
	for _, most := range []int{1, 10, len(all.Flows), len(all.Flows) + 1} {
		some := Reach(m, Question{Most: most}, nil)
		n := len(some.Flows)
		if n < min(most, len(all.Flows)) || n > most+len(m.Families) {
			t.Fatalf("%d flows of %d at most, and of %d", n, most, len(all.Flows))
		}
		if diff := cmp.Diff(all.Flows[:n], some.Flows); diff != "" {
			t.Errorf("%d at most (-all +some):\n%s", most, diff)
		}
		if left := len(all.Flows) - n; some.More*len(m.Families) < left {
			t.Errorf("%d at most: %d pairs more, of which %d flows are left", most, some.More, left)
		}
	}
	if len(all.Flows) < 100 || all.More != 0 {
		t.Errorf("%d flows in all, and %d pairs more", len(all.Flows), all.More)
	}
}

// What is too much for eyes is cut, and said; JSON has all.
func TestLargeTableIsCut(t *testing.T) {
	r := &Report{Flows: make([]Flow, MostRows+7)}
	var b bytes.Buffer
	if err := r.Table(&b); err != nil || !strings.HasSuffix(b.String(), "and 7 rows more: narrow it by --from, --to or -n, or take -o json\n") {
		t.Errorf("%v\n%s", err, b.String()[max(0, b.Len()-200):])
	}
	var page bytes.Buffer
	r.Flows = make([]Flow, mostPageRows+3)
	if err := r.HTML(&page); err != nil || !strings.Contains(page.String(), "3 pairs more than a page has room for") || strings.Count(page.String(), "<tr>") > mostPageRows+10 {
		t.Errorf("%v, a page of %d bytes", err, page.Len())
	}
	r.Flows = r.Flows[:MostRows+7]
	text, err := json.Marshal(r)
	if err != nil || strings.Count(string(text), `"from"`) != MostRows+7 {
		t.Errorf("JSON has %d flows: %v", strings.Count(string(text), `"from"`), err)
	}
}
