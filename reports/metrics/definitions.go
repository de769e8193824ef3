package metrics

// Better says which way a figure should go.
type Better string

// The directions. What should stay as it is, such as the number of cases, has none.
const (
	Lower   Better = "lower"
	Higher  Better = "higher"
	Neither Better = ""
)

// Definition is what there is to know of a metric.
type Definition struct {
	Name   string
	Help   string
	Labels []string // beside experiment and engine
	Better Better
}

// The labels that every figure of a night has.
const (
	LabelExperiment = "experiment" // of the set, such as chaos-smoke
	LabelEngine     = "engine"
)

// The others.
const (
	labelOutcome    = "outcome"
	labelKind       = "kind"
	labelTransition = "transition"
	labelStatistic  = "statistic"
	labelPhase      = "phase"
	labelReading    = "reading"
	labelVerdict    = "verdict"
)

// The figures of nights. All are gauges: each night is measured anew.
const (
	Verdict      = "netassay_nightly_verdict"
	Duration     = "netassay_nightly_duration_seconds"
	Cases        = "netassay_nightly_cases"
	Cells        = "netassay_nightly_cells"
	CellRate     = "netassay_nightly_cells_per_second"
	Failures     = "netassay_nightly_failures"
	Packets      = "netassay_nightly_wrong_packets"
	WrongSeconds = "netassay_nightly_wrong_verdict_seconds"
	Convergence  = "netassay_nightly_convergence_seconds"
	Censored     = "netassay_nightly_convergence_censored_ratio"
	Ready        = "netassay_nightly_lab_ready_seconds"
	Late         = "netassay_nightly_probes_late_seconds"
	Missed       = "netassay_nightly_missed_packets_ratio"
	Repair       = "netassay_nightly_repair_seconds"
	Memory       = "netassay_nightly_memory_bytes"
	CPUPerChange = "netassay_nightly_cpu_seconds_per_change"
	CPUShare     = "netassay_nightly_cpu_usage_ratio"
	Reading      = "netassay_nightly_reading"
	// Info is 1; its labels are the versions that a night ran with.
	Info = "netassay_nightly_info"
	// Change is, at the night of a change of level, its size as a share of the level before.
	Change = "netassay_trend_change_ratio"
)

// Nightly are the definitions of all figures that a history can hold, in the order in which
// trends show them.
func Nightly() []Definition {
	return []Definition{
		{Verdict, "1 for the verdict that the run of a night had, 0 for the others.", []string{labelVerdict}, Neither},
		{Failures, "Cells that failed: leaks passed what had to be denied, outages denied what had to pass.", []string{labelKind}, Lower},
		{Packets, "Packets and connections that went wrong, of flows that were watched without a pause.", []string{labelKind}, Lower},
		{WrongSeconds, "Time for which pairs of pods had the wrong verdict, summed over all changes.", []string{labelKind, labelTransition}, Lower},
		{Convergence, "Time from the answer of the API server to a change until its verdict was right and stayed right.", []string{labelTransition, labelStatistic}, Lower},
		{Censored, "Share of changes that did not become right before the deadline.", []string{labelTransition}, Lower},
		{Repair, "Time from the destruction of rules by somebody else to the last packet that it made go wrong.", []string{labelStatistic}, Lower},
		{Memory, "Memory of the engine's agent on one node.", []string{labelReading, labelPhase}, Lower},
		{CPUPerChange, "Processor time of the agent and its tools for one change.", []string{labelPhase}, Lower},
		{CPUShare, "Processor time of the agent and its tools as a share of one core.", []string{labelReading, labelPhase}, Lower},
		{Reading, "Other readings of what the engine holds on one node, such as its number of rules.", []string{labelReading, labelPhase}, Neither},
		{Cases, "Cases by what became of them.", []string{labelOutcome}, Neither},
		{Cells, "Cells by what became of them.", []string{labelOutcome}, Neither},
		{CellRate, "Cells that were judged per second of the run.", nil, Higher},
		{Duration, "How long the experiment took, its cluster included.", nil, Lower},
		{Ready, "Time from the start of the cluster until its pods were ready.", nil, Lower},
		{Late, "By how much probes were sent late at most: what the harness itself lacked.", nil, Lower},
		{Missed, "Share of packets that senders were too late for: what the harness itself lacked.", nil, Lower},
		{Info, "1; the labels are the versions that a night ran with.", []string{"tool", "engine_version", "kubernetes", "kernel"}, Neither},
		{Change, "At the night of a change of level: its size as a share of the level before.", []string{"metric", "series", "direction"}, Neither},
	}
}

// Lookup is the definition of a metric, one without words for a name that this version does not
// know.
func Lookup(name string) Definition {
	for _, d := range Nightly() {
		if d.Name == name {
			return d
		}
	}
	return Definition{Name: name}
}
