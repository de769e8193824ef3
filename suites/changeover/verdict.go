package changeover

import (
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/steady/account"
)

// limits say when a watch saw enough. Silence while nothing reached the same server counts for
// nothing; senders may be late where the machine is busy with the change itself.
func limits() account.Limits { return account.Limits{MustDrop: 100, MaxMissed: 0.2, MaxUnsure: 0.01} }

// Summarize judges a run. A leak or a loss is a failure, however long the change lasts: how long
// is what the summary tells.
func Summarize(run *v1.MigrationRun) v1.MigrationSummary {
	verdict, reasons := account.Verdict(run.Watched.Tally, limits())
	if run.Trouble != "" && verdict == v1.VerdictPass {
		verdict, reasons = v1.VerdictVoid, []string{run.Trouble}
	}
	return run.Summary(verdict, reasons)
}
