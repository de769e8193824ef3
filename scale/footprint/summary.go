package footprint

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Verdict of a run.
type Verdict string

// The verdicts. A churn that did not reach its rate has measured something easier than
// what was asked for: that is no pass.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
)

// Summary is the result. Sizes are in MiB where the name says so, else in bytes; processor
// time is in percent of one core.
type Summary struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons"` // for the verdict, when it is not pass

	HWM        float64  `json:"vmhwm_mib"` // from the start to the steady state
	RSS        float64  `json:"rss_mib"`
	RSSAnon    float64  `json:"rss_anon_mib"`
	PSS        float64  `json:"pss_mib"`
	Heap       float64  `json:"heap_mib"`          // Go: bytes of objects, live or not swept yet
	SetsBytes  int64    `json:"sets_kernel_bytes"` // with the bucket arrays that ipset leaves out
	CgroupPeak *float64 `json:"cgroup_peak_mib"`   // over the whole run, children too; null: no cgroup could be made
	StartCPU   float64  `json:"start_cpu_seconds"` // from the start to the steady state
	Sync       float64  `json:"sync_seconds"`      // from the start of the process to ready

	ChurnCPU         float64 `json:"churn_cpu_percent"` // the agent and the tools that it runs
	ChurnCPUOwn      float64 `json:"churn_cpu_agent_percent"`
	ChurnCPUChildren float64 `json:"churn_cpu_tools_percent"`
	ChurnHWM         float64 `json:"churn_vmhwm_mib"` // from the start to the end of the churn
	ChurnWanted      float64 `json:"churn_wanted_events_per_second"`
	ChurnRate        float64 `json:"churn_events_per_second"`
	ChurnEvents      int     `json:"churn_events"`
	ChurnSeconds     float64 `json:"churn_seconds"`
	ChurnSyncs       int     `json:"churn_syncs"`

	Nodes       int     `json:"nodes"`
	Pods        int     `json:"pods"`
	LocalPods   int     `json:"local_pods"` // real ones, beside the pods above
	Namespaces  int     `json:"namespaces"`
	Policies    int     `json:"policies"`
	Seed        uint64  `json:"seed"`
	Sets        int     `json:"sets"` // of both families, as are entries
	SetEntries  int     `json:"set_entries"`
	Rules       int     `json:"rules"`
	FillSeconds float64 `json:"fill_seconds"`

	BoundHWM      float64 `json:"bound_vmhwm_mib"`
	BoundChurnCPU float64 `json:"bound_churn_cpu_percent"`
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// reached is the share of the wanted churn below which a run says nothing.
const reached = 0.95

func (s *Summary) judge() {
	s.Verdict, s.Reasons = Pass, []string{}
	if s.ChurnSeconds > 0 && s.ChurnRate < reached*s.ChurnWanted {
		s.Verdict = Inconclusive
		s.Reasons = append(s.Reasons, fmt.Sprintf("the API server took %.1f pod events/s, %.0f were wanted", s.ChurnRate, s.ChurnWanted))
	}
	if s.HWM > s.BoundHWM {
		s.Verdict = Fail
		s.Reasons = append(s.Reasons, fmt.Sprintf("VmHWM %.1f MiB is above %.0f MiB", s.HWM, s.BoundHWM))
	}
	if s.ChurnCPU > s.BoundChurnCPU {
		s.Verdict = Fail
		s.Reasons = append(s.Reasons, fmt.Sprintf("churn took %.1f %% of a core, above %.0f %%", s.ChurnCPU, s.BoundChurnCPU))
	}
}

// Text writes the summary for people, with the figures of peers beside.
func (s *Summary) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	peak := "not measured: no cgroup of its own could be made"
	if s.CgroupPeak != nil {
		peak = fmt.Sprintf("%.1f MiB", *s.CgroupPeak)
	}
	fmt.Fprintf(t, "nodes\t%d hollow, 1 of the lab\n", s.Nodes)
	fmt.Fprintf(t, "pods\t%d hollow in %d namespaces, %d real on the agent's node\n", s.Pods, s.Namespaces, s.LocalPods)
	fmt.Fprintf(t, "policies\t%d (seed %d)\n", s.Policies, s.Seed)
	fmt.Fprintf(t, "in the kernel\t%d sets with %d entries, %d rules\n", s.Sets, s.SetEntries, s.Rules)
	fmt.Fprintf(t, "VmHWM to steady state\t%.1f MiB\tbound %.0f MiB\n", s.HWM, s.BoundHWM)
	fmt.Fprintf(t, "VmRSS, of it anonymous\t%.1f MiB, %.1f MiB\n", s.RSS, s.RSSAnon)
	fmt.Fprintf(t, "PSS\t%.1f MiB\n", s.PSS)
	fmt.Fprintf(t, "Go heap\t%.1f MiB\n", s.Heap)
	fmt.Fprintf(t, "ipsets in the kernel\t%.1f MiB\n", mib(s.SetsBytes))
	fmt.Fprintf(t, "cgroup peak, tools included\t%s\n", peak)
	fmt.Fprintf(t, "start to ready\t%.1f s; %.1f s of CPU until steady\n", s.Sync, s.StartCPU)
	if s.ChurnSeconds > 0 {
		fmt.Fprintf(t, "CPU under churn\t%.1f %% of a core\tbound %.0f %%\n", s.ChurnCPU, s.BoundChurnCPU)
		fmt.Fprintf(t, "  of it agent, tools\t%.1f %%, %.1f %%\n", s.ChurnCPUOwn, s.ChurnCPUChildren)
		fmt.Fprintf(t, "  churn\t%.1f pod events/s for %.1f s, %d syncs\n", s.ChurnRate, s.ChurnSeconds, s.ChurnSyncs)
		fmt.Fprintf(t, "VmHWM after churn\t%.1f MiB\n", s.ChurnHWM)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := s.peers(w); err != nil {
		return err
	}
	verdict := string(s.Verdict)
	if len(s.Reasons) > 0 {
		verdict += ": " + strings.Join(s.Reasons, "; ")
	}
	_, err := fmt.Fprintf(w, "\nverdict: %s\n", verdict)
	return err
}

// measuredPeers are figures of other engines on 20,000 pods in 100 namespaces, 100 policies
// and 80 local pods, measured once in the same way. They are no part of this run.
func measuredPeers() []struct {
	name     string
	hwm, rss int
} {
	return []struct {
		name     string
		hwm, rss int
	}{
		{"Azure NPM 1.7.0", 409, 351}, {"kube-router 1.6.1", 305, 305}, {"kube-network-policies 1.1.0", 159, 159},
	}
}

func (s *Summary) peers(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nengine\tVmHWM\tVmRSS\tpods\tpolicies\t")
	fmt.Fprintf(t, "this one\t%.1f MiB\t%.1f MiB\t%d\t%d\t\n", s.HWM, s.RSS, s.Pods+s.LocalPods, s.Policies)
	for _, p := range measuredPeers() {
		fmt.Fprintf(t, "%s\t%d MB\t%d MB\t20000\t100\tmeasured earlier\n", p.name, p.hwm, p.rss)
	}
	return t.Flush()
}
