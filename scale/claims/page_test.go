package claims

import (
	"bytes"
	"testing"
	"time"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

// TestPage is a page of an engine that was seen to open, of one that was not, and of a void run.
func TestPage(t *testing.T) {
	of := &v1.ScaleRun{ScaleConditions: v1.ScaleConditions{
		Tool: "1234567", Cluster: "lab", Kubernetes: "v1.37.2", Kernel: "6.18", CPUs: 2, Profile: "nodes=250 pods=20000",
		Churn: "200 edits", Timing: v1.ScaleTiming{Period: 1},
		Started: time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC), Finished: time.Date(2026, 11, 30, 8, 15, 0, 0, time.UTC),
	}}
	none := v1.Wronged{N: 200}
	opened := v1.Wronged{N: 200, Changes: 3, Packets: 120, Longest: 87}
	row := func(blocks int, change string, open v1.Wronged) v1.EditRow {
		return v1.EditRow{Blocks: blocks, Change: change, Opened: open, Shut: none, Cut: none}
	}
	sum := &v1.ScaleSummary{Engines: []v1.EngineSummary{
		{Engine: "one", Version: "v1", Memory: []v1.MemoryRow{
			{Name: "start", Unit: "s", Phases: []*float64{new(1.5), nil, nil, nil, new(2.25)}},
			{Name: v1.RSS, Unit: v1.UnitBytes, Phases: []*float64{new(1e7), new(2e7)}},
		}, Edits: []v1.EditRow{
			row(4, v1.EditUpdate, none), row(4, v1.EditDelete, none), row(4, v1.EditCreate, opened),
			row(5, v1.EditUpdate, opened), row(5, v1.EditDelete, none), row(5, v1.EditCreate, none),
			{Change: v1.EditRestart, Opened: v1.Wronged{N: 3, Changes: 3, Longest: 1900}, Shut: v1.Wronged{N: 3}},
		}},
		{Engine: "other", Version: "v2", Edits: []v1.EditRow{row(4, v1.EditUpdate, none)}},
		{Engine: "third", Version: "v3", Void: []string{"repeat 0: other work"}},
	}}
	var b bytes.Buffer
	if err := Page(&b, []Run{{of, sum}}); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/page.md", b.String())
}
