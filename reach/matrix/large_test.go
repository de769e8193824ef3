package matrix

import (
	"testing"

	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
)

// BenchmarkLarge is the whole matrix of the largest cluster.
func BenchmarkLarge(b *testing.B) {
	v := &inventory.Inventory{Snapshot: gen.Large(1, gen.Largest())}
	for b.Loop() {
		m := Of(v, Options{})
		cells := 0
		for from := range m.Classes {
			for to := range m.Classes {
				for _, f := range m.Families {
					if m.Flows(from, to, f) != nil {
						cells++
					}
				}
			}
		}
		b.ReportMetric(float64(len(m.Classes)), "classes")
		b.ReportMetric(float64(cells), "cells")
		b.ReportMetric(float64(m.Asked()), "asked")
	}
}
