package misread

import (
	"strings"
	"testing"

	"github.com/netassay/netassay/suites/cases"
)

// Engines whose blocks hold no pods, or no nodes, say so by a feature: a case needs it exactly when
// such an engine would fail it.
func TestCasesNameWhatTheirBlocksHold(t *testing.T) {
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	exams := exams(t)
	for feature, mistake := range map[cases.Feature]string{
		cases.IPBlockOnPods: "a block holds no pods", cases.IPBlockOnNodes: "a block holds no nodes",
	} {
		var readings []*Reading
		for _, r := range All() {
			if strings.HasSuffix(r.Name, mistake) {
				readings = append(readings, r)
			}
		}
		if len(readings) != len(directions()) {
			t.Fatalf("%d readings by which %s, want one for each direction", len(readings), mistake)
		}
		for i, c := range all {
			needed := false
			for _, r := range readings {
				needed = needed || exams[i].Convicts(r)
			}
			if has := c.HasFeature(feature); has != needed {
				t.Errorf("case %s: feature %s is named: %t, needed: %t", c.Name, feature, has, needed)
			}
		}
	}
}
