package mutants

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const table = "../../docs/live-mutants.md"

const heading = `# Live mutants, and the cases that convict them

Each line is the reference enforcer with one fault that needs time or state to show
(enforcer/mutants), and which of the cases that were chosen to convict it did so first, on a lab.
Two must; a fault that comes and goes must be convicted in two runs of three. What no case causes
is for the run's sentinels to see ([judging](judging.md)), and their word is enough. "make mutants-live"
plays them and writes this table; a mutant that survives fails it. What an engine gets wrong by
reading the API wrongly is in [misreadings](misreadings.md).

| mutant | fault | convicted | by |
|---|---|---|---|
`

// row is a finding's line of the table.
func (f finding) row() string {
	convicted := "**no**"
	if f.convicted() {
		convicted = "yes"
	}
	if f.Timed {
		convicted += fmt.Sprintf(", %d of %d runs", f.convicting, f.runs)
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", f.Name, f.Says, convicted, strings.Join(f.by, ", "))
}

// write puts findings into the table, in the place of earlier ones.
func write(t *testing.T, all []mutant, found []finding) {
	t.Helper()
	old, err := os.ReadFile(table)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.SplitSeq(string(old), "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			rows[strings.TrimSpace(cells[1])] = line
		}
	}
	for _, f := range found {
		rows[f.Name] = f.row()
	}
	var b strings.Builder
	b.WriteString(heading)
	for _, m := range all {
		if m.Equivalent != "" {
			rows[m.Name] = fmt.Sprintf("| %s | %s | can't be | %s |", m.Name, m.Says, m.Equivalent)
		}
		if row := rows[m.Name]; row != "" {
			b.WriteString(row + "\n")
		}
	}
	if err := os.WriteFile(table, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
