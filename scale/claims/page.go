package claims

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/summary"
)

// Run is a run of netassay scale claims, and what was computed of it.
type Run struct {
	Of      *v1.ScaleRun
	Summary *v1.ScaleSummary
}

// source is the page whose sentences are held against figures.
const source = "https://learn.microsoft.com/azure/aks/use-network-policies"

// Page writes the page of some runs, in Markdown. Of one engine in several runs each has its lines.
func Page(w io.Writer, runs []Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# What AKS documents of its engines, and what was measured

The page of AKS on [network policies](%s) warns of edits and deletions under Azure NPM ("Editing/deleting network policies"). Its sentences, as numbers. This page is made by `+"`netassay report claims`"+` from result directories of `+"`netassay scale claims`"+`, which does the same to every engine. A policy that alone isolates a pod, and lets its clients in by a selector beside so many ipBlocks in which nobody is, is edited: other blocks, the same meaning. A policy of such blocks for a pod that another policy isolates all the time is deleted and made again. No verdict should ever change; one that does is counted whatever the cause, which need not be the race that the page means. A packet of each flow every %s shows what becomes of new connections that must be denied, of new ones that must pass, and of established ones.

A share is given as *changes with a wrong verdict* of *changes*, with its 95 %% interval (Clopper and Pearson). "0 of 200" means that it was not seen, and that it happens at most so often; not that it can't happen.

`, source, interval(runs))
	conditions(&b, runs)
	for _, section := range sections() {
		fmt.Fprintf(&b, "\n## %s\n\n> %s\n\n%s\n\n|%s|\n|%s\n", section.title, section.says, section.how, strings.Join(section.head, "|"), strings.Repeat("---|", len(section.head)))
		for _, r := range runs {
			for i := range r.Summary.Engines {
				section.rows(&b, &r.Summary.Engines[i])
			}
		}
	}
	b.WriteString(elsewhere)
	_, err := io.WriteString(w, b.String())
	return err
}

// interval is the time between packets, of runs that have it alike.
func interval(runs []Run) string {
	for _, r := range runs {
		if r.Of.Timing.Period != runs[0].Of.Timing.Period {
			return "millisecond or so"
		}
	}
	if len(runs) == 0 {
		return "millisecond"
	}
	return fmt.Sprintf("%g ms", runs[0].Of.Timing.Period)
}

func conditions(b *strings.Builder, runs []Run) {
	b.WriteString("| engine | run | what was done | load | where |\n|---|---|---|---|---|\n")
	for _, r := range runs {
		for _, e := range r.Summary.Engines {
			void := ""
			if len(e.Void) > 0 {
				void = " **void**: " + strings.Join(e.Void, "; ")
			}
			fmt.Fprintf(b, "| %s %s | %s by netassay %s, %.0f s%s | %s | %s | %s, Kubernetes %s, Linux %s, %d CPUs |\n",
				e.Engine, e.Version, r.Of.Started.UTC().Format(time.DateOnly), r.Of.Tool, r.Of.Finished.Sub(r.Of.Started).Seconds(), void,
				r.Of.Churn, r.Of.Profile, r.Of.Cluster, r.Of.Kubernetes, r.Of.Kernel, r.Of.CPUs)
		}
	}
}

// section is a sentence, how it was put to the test, and a table.
type section struct {
	title, says, how string
	head             []string
	rows             func(*strings.Builder, *v1.EngineSummary)
}

func sections() []section {
	return []section{
		{
			"New connections while a policy is edited or deleted",
			"a race condition that might result in temporary, unexpected connectivity for new connections",
			"New connections that passed and had to be denied: at edits those to the pod that the edited policy isolates, and to another one. The longest is of one flow at one change; an opening that lasts over several changes counts at each.",
			[]string{" engine ", " ipBlocks ", " edits ", " longest ", " deletions ", " longest ", " creations ", " longest "},
			func(b *strings.Builder, e *v1.EngineSummary) { bySize(b, e, opened) },
		},
		{
			"Established connections",
			"Hitting this race condition never impacts active connections.",
			"Packets of connections that were answered before, and that were lost at the change. All sizes together.",
			[]string{" engine ", " edits ", " longest ", " deletions ", " longest ", " creations ", " longest "},
			func(b *strings.Builder, e *v1.EngineSummary) { pooled(b, e, cut) },
		},
		{
			"Four ipBlocks or fewer",
			"A network policy with *four or less* ipBlock sections is less likely to hit the issue.",
			"Edits at which new connections were opened.",
			[]string{" engine ", " 1 to 4 ipBlocks ", " 5 or more "},
			fourOrLess,
		},
		{
			"While rules are applied again",
			"While all the security rules are being reapplied, there's a chance of temporary, unexpected connectivity",
			"The engine is ended and started again on the loaded cluster, and flows are watched that a policy isolates all the time.",
			[]string{" engine ", " new connections opened ", " longest ", " new connections shut ", " longest "},
			restarts,
		},
		{
			"What had to pass, and didn't",
			"(of this the page says nothing)",
			"New connections that a policy allows all the time, and that did not pass at a change. All sizes together.",
			[]string{" engine ", " edits ", " longest ", " deletions ", " longest ", " creations ", " longest "},
			func(b *strings.Builder, e *v1.EngineSummary) { pooled(b, e, shut) },
		},
		{
			"What an agent takes at this load",
			"(the page warns of more than 250 nodes and 20,000 pods: see below)",
			"Memory, and processor time until it came to rest, of the process that was started on the load, with the tools that it ran; *empty* is the one before it. A start lasts until the engine itself says that it is in sync.",
			costHead(),
			costRow,
		},
	}
}

func opened(r *v1.EditRow) v1.Wronged { return r.Opened }
func shut(r *v1.EditRow) v1.Wronged   { return r.Shut }
func cut(r *v1.EditRow) v1.Wronged    { return r.Cut }

// changes are those of policies.
func changes() []string { return []string{v1.EditUpdate, v1.EditDelete, v1.EditCreate} }

// bySize writes a line for each number of ipBlocks.
func bySize(b *strings.Builder, e *v1.EngineSummary, of func(*v1.EditRow) v1.Wronged) {
	last := 0
	for _, r := range e.Edits {
		if r.Blocks > last {
			last = r.Blocks
			line(b, e, of, strconv.Itoa(last), func(r *v1.EditRow) bool { return r.Blocks == last })
		}
	}
}

// pooled writes one line for all of them.
func pooled(b *strings.Builder, e *v1.EngineSummary, of func(*v1.EditRow) v1.Wronged) {
	line(b, e, of, "", func(*v1.EditRow) bool { return true })
}

func line(b *strings.Builder, e *v1.EngineSummary, of func(*v1.EditRow) v1.Wronged, size string, among func(*v1.EditRow) bool) {
	fmt.Fprintf(b, "| %s |", e.Engine)
	if size != "" {
		fmt.Fprintf(b, " %s |", size)
	}
	for _, change := range changes() {
		w := summary.Pool(e.Edits, of, func(r *v1.EditRow) bool { return r.Change == change && among(r) })
		fmt.Fprintf(b, " %s | %s |", w, w.Lasted())
	}
	b.WriteString("\n")
}

// mostLikely is from how many ipBlocks on the page calls the race likely.
const mostLikely = 5

func fourOrLess(b *strings.Builder, e *v1.EngineSummary) {
	pool := func(many bool) v1.Wronged {
		return summary.Pool(e.Edits, opened, func(r *v1.EditRow) bool {
			return r.Change == v1.EditUpdate && (r.Blocks >= mostLikely) == many
		})
	}
	fmt.Fprintf(b, "| %s | %s | %s |\n", e.Engine, pool(false), pool(true))
}

func restarts(b *strings.Builder, e *v1.EngineSummary) {
	isRestart := func(r *v1.EditRow) bool { return r.Change == v1.EditRestart }
	open, closed := summary.Pool(e.Edits, opened, isRestart), summary.Pool(e.Edits, shut, isRestart)
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", e.Engine, open, open.Lasted(), closed, closed.Lasted())
}

// elsewhere is where the other sentences of the page are put to the test.
const elsewhere = `
## Other sentences of the page

| it says | where that is put to the test |
|---|---|
| Azure NPM doesn't support IPv6 | [peers.md](peers.md): how its policies fail open and closed there |
| what Azure NPM lacks on Windows | ` + "`netassay migrate check --from azure-npm-windows`" + ` ([migrate.md](migrate.md)); from its documentation, not run |
| not beyond 250 nodes and 20,000 pods: out of memory | [scale.md](scale.md), [growth.md](growth.md): memory of agents at this size, below and above |
| Cilium, Azure NPM, Calico: all policy types are supported | [engines.md](engines.md): every case of the catalogue |

Not measured: the state in which an agent of Azure NPM can't update rules any more, and the 15 seconds until it starts again by itself, as nothing here has brought it about; Calico's delay between a pod's start and its first allowed packet; what Azure NPM logs of unsupported policies.
`
