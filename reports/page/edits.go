package page

import v1 "github.com/netassay/netassay/reports/v1"

// editsNote is how the table of edits is read.
const editsNote = "Of all changes those at which a flow met a wrong verdict that no policy spoke differently of, with the 95 % interval of their share, and the longest time of one flow at one change."

// edits is a row for each engine, number of ipBlocks and kind of change.
func edits(sum *v1.ScaleSummary) []Block {
	if sum == nil {
		return nil
	}
	t := Table{
		Caption: "Flows beside changes of a policy of ipBlocks",
		Head:    Columns("Engine", "#ipBlocks", "Change", "#New, opened", "#Longest", "#New, shut", "#Longest", "#Established, cut", "#Longest", "#Void"),
	}
	for i := range sum.Engines {
		for _, r := range sum.Engines[i].Edits {
			t.Rows = append(t.Rows, editRow(sum.Engines[i].Engine, r))
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []Block{t}
}

func editRow(engine string, r v1.EditRow) []Cell {
	blocks := "–"
	if r.Blocks > 0 {
		blocks = count(r.Blocks)
	}
	row := plain(engine, blocks, r.Change)
	for _, of := range []struct {
		v1.Wronged
		tone Tone
	}{{r.Opened, Bad}, {r.Shut, Warn}, {r.Cut, Warn}} {
		row = append(row, Cell{Text: of.String(), Tone: wrongIf(of.Changes, of.tone)}, Cell{Text: of.Lasted()})
	}
	return append(row, Cell{Text: count(r.Void())})
}
