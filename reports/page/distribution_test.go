package page

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

func TestDistribution(t *testing.T) {
	never := math.Inf(1)
	for _, tc := range []struct {
		name    string
		samples []float64
		x, y    []float64
	}{
		{"none", nil, nil, nil},
		{"one", []float64{10}, []float64{9.99, 10}, []float64{0, 100}},
		{"equal ones go up at once", []float64{20, 10, 20, 10}, []float64{9.99, 10, 20}, []float64{0, 50, 100}},
		{"what was never right keeps it below 100 %", []float64{10, never, 20, never}, []float64{9.99, 10, 20}, []float64{0, 25, 50}},
		{"all never", []float64{never}, nil, nil},
		{"right before the answer", []float64{-3, 10}, []float64{0.0999, 0.1, 10}, []float64{0, 50, 100}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := distribution("", tc.samples)
			var y []float64
			for _, v := range got.Y {
				y = append(y, *v)
			}
			if diff := cmp.Diff([][]float64{tc.x, tc.y}, [][]float64{got.X, y}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	var many []float64
	for i := range 50_000 {
		many = append(many, float64(i)+1)
	}
	s := distribution("", append(many, never))
	if n := len(s.X); n > mostPoints+2 || s.X[n-1] != 50_000 || *s.Y[n-1] >= 100 {
		t.Errorf("of many %d points, the last %v at %v %%", n, s.X[n-1], *s.Y[n-1])
	}
}

// What is packed can be told again: each cell by its columns, in the order of cases and steps.
func TestPack(t *testing.T) {
	run := sample(500, 0.05)
	c := pack(run)
	if c.N != 500 || len(c.Columns) != len(columnNames) {
		t.Fatalf("%d cells in %d columns", c.N, len(c.Columns))
	}
	column := map[string][]uint32{}
	for i, head := range c.Columns {
		for k := range c.N {
			var v uint32
			switch at := c.columns[i][k*head.Width:]; head.Width {
			case 1:
				v = uint32(at[0])
			case 2:
				v = uint32(binary.LittleEndian.Uint16(at))
			default:
				v = binary.LittleEndian.Uint32(at)
			}
			column[head.Name] = append(column[head.Name], v)
		}
	}
	i := 0
	for cell := range run.EachCell {
		got := []any{c.Names[column["client"][i]], c.Names[column["server"][i]], c.Kinds[column["kind"][i]], c.Fates[column["fate"][i]][2], c.Texts[column["course"][i]], column["stable"][i]}
		want := []any{cell.Client, cell.Server, kind{cell.Path, cell.Family, cell.Protocol, cell.Port, cell.Payload, cell.Form, cell.Flow}, string(cell.Outcome), cell.Course, tenths(cell.Stable)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("cell %d (-want +got):\n%s", i, diff)
		}
		i++
	}
	for v, want := range map[float64]uint32{0: bias, 12.34: bias + 123, -5: bias - 50, -math.MaxFloat64: 1} {
		if got := tenths(&v); got != want {
			t.Errorf("%v ms is %d, want %d", v, got, want)
		}
	}
}

func TestCommand(t *testing.T) {
	run := &v1.Run{RunConditions: v1.RunConditions{Engine: "none", Cluster: "kind-x", Seed: 7, Parallel: 4, Families: []string{"IPv6"}, Order: []string{"b", "a"}}}
	for _, tc := range []struct {
		typed []string
		want  string
	}{
		{nil, "netassay conformance --engine none --provider kind --seed 7 --parallel 4 --ip-family ipv6 --case a,b"},
		{[]string{"netassay", "conformance", "--case", "ipblock-*", "--skip=it's=one"}, `netassay conformance --case 'ipblock-*' '--skip=it'\''s=one'`},
	} {
		if got := command(tc.typed, reproduce(run)...); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

func TestLanes(t *testing.T) {
	l := Lanes{To: 10}
	for _, tc := range []struct {
		span     Span
		x, width float64
	}{
		{Span{From: 0, To: 5}, 0, 50},
		{Span{From: 5, To: 5}, 50, 0.3},
		{Span{From: 10, To: 10}, 99.8, 0.3},
		{Span{From: -1, To: 20}, 0, 99.8},
	} {
		if x, width := l.X(tc.span.From), l.Width(tc.span); x != tc.x || width != tc.width {
			t.Errorf("%+v is at %v, %v wide; want %v, %v", tc.span, x, width, tc.x, tc.width)
		}
	}
	if x := (Lanes{}).X(3); x != 0 {
		t.Errorf("without a length, at %v", x)
	}
}

func TestLanesByName(t *testing.T) {
	l := Lanes{Title: "Flows"}
	for i := range 3 * (mostLanes + 2) {
		l.put(fmt.Sprintf("flow %d", i%(mostLanes+2)), Span{From: float64(i)})
	}
	first := Lane{Name: "flow 0", Spans: []Span{{From: 0}, {From: mostLanes + 2}, {From: 2 * (mostLanes + 2)}}}
	if diff := cmp.Diff(first, l.Lanes[0]); diff != "" || len(l.Lanes) != mostLanes+2 {
		t.Errorf("%d lanes, the first (-want +got):\n%s", len(l.Lanes), diff)
	}
	for range 2 { // what is short enough stays as it is
		l.cut("flows")
		if last := l.Lanes[len(l.Lanes)-1]; len(l.Lanes) != mostLanes+1 || last.Name != "2 flows more" || len(last.Spans) != 6 {
			t.Errorf("%d lanes, the last is %q with %d spans", len(l.Lanes), last.Name, len(last.Spans))
		}
	}
}
