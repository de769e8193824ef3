package claims

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// cost is a figure of an engine at this load.
type cost struct{ head, name, phase string }

// costs are those that the page has, in its order.
func costs() []cost {
	return []cost{
		{" first start ", "start", v1.PhaseBaseline},
		{" start on the load ", "start", v1.PhaseColdStart},
		{" resident, empty ", v1.RSS, v1.PhaseBaseline},
		{" loaded ", v1.RSS, v1.PhaseLoaded},
		{" at most ", v1.HWM, v1.PhaseLoaded},
		{" ipsets ", "ipset", v1.PhaseLoaded},
		{" BPF maps ", "bpf-maps", v1.PhaseLoaded},
		{" iptables rules ", "iptables-rules", v1.PhaseLoaded},
		{" processor ", "cpu-total", v1.PhaseLoaded},
	}
}

func costHead() []string {
	head := []string{" engine "}
	for _, c := range costs() {
		head = append(head, c.head)
	}
	return head
}

func costRow(b *strings.Builder, e *v1.EngineSummary) {
	fmt.Fprintf(b, "| %s |", e.Engine)
	for _, c := range costs() {
		text := "-"
		if i := slices.IndexFunc(e.Memory, func(m v1.MemoryRow) bool { return m.Name == c.name }); i >= 0 {
			if v := e.Memory[i].At(c.phase); v != nil {
				text = v1.Quantity(*v, e.Memory[i].Unit)
			}
		}
		fmt.Fprintf(b, " %s |", text)
	}
	b.WriteString("\n")
}
