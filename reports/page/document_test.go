package page

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everything is a document with a block of each kind.
func everything() *Document {
	evil := `</script><img src=x onerror=alert(1)>`
	behind := Table{Caption: "Data", Head: Columns("Name", "#Value"), Rows: [][]Cell{{{Text: evil, Tone: Bad}, {Text: "1"}}}, Fold: true}
	return &Document{
		Title: "all " + evil, Kind: "netassay test", Name: "name " + evil, Lead: "lead & " + evil, Badge: Badge{"pass", Good}, Alerts: []string{"alert " + evil},
		Sections: []Section{{"one", "First", "A note.", []Block{
			Tiles{{"Label", "1,234", "of many", Bad}},
			Facts{{"Name", evil}},
			behind, Code("netassay --engine '" + evil + "'"),
			Mount{"nothing", "Nothing"},
			Chart{
				ID: "lines", Title: "Lines " + evil, Says: "It rises.", X: Axis{Label: "x"}, Y: Axis{Label: "y", Unit: "B"}, Behind: behind,
				Series: []Series{{Name: evil, Shape: Line, X: []float64{1, 2, 3}, Y: []*float64{new(1.23456789), new(2.0), new(3.0)}}},
				Marks:  []Mark{{X: 2, Text: evil}},
			},
			Lanes{Title: "Lanes", To: 10, Ticks: []string{"0", "10"}, Lanes: []Lane{{evil, []Span{{From: 1, To: 2, Tone: Bad, Says: evil}}}}, Behind: behind},
		}}},
	}
}

func written(t *testing.T, d *Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// headOf is the part of a page's data that is JSON.
func headOf(t *testing.T, page string) map[string]any {
	t.Helper()
	found := regexp.MustCompile(`(?s)id="data">(.*?)</script>`).FindStringSubmatch(page)
	if found == nil {
		t.Fatal("the page has no data")
	}
	packed, err := base64.StdEncoding.DecodeString(found[1])
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	var head map[string]any
	if err := json.Unmarshal(data[4:4+binary.LittleEndian.Uint32(data)], &head); err != nil {
		t.Fatal(err)
	}
	return head
}

// Whatever a run calls its things, it is text; and the page has scripts and styles by hash only.
func TestNothingBecomesMarkup(t *testing.T) {
	page := written(t, everything())
	if strings.Contains(page, "<img") {
		t.Error("a name became markup")
	}
	if n := strings.Count(page, "&lt;/script&gt;"); n < 10 {
		t.Errorf("%d of the names are there", n)
	}
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d scripts, want the data and the page's own", n)
	}
	for _, must := range []string{"default-src 'none'", "script-src 'sha256-" + digest(script) + "'", "style-src 'sha256-" + digest(styles) + "'", "<script>" + script + "</script>", "<style>" + styles + "</style>"} {
		if !strings.Contains(strings.ReplaceAll(page, "&#39;", "'"), strings.ReplaceAll(must, "+", "&#43;")) && !strings.Contains(page, must) {
			t.Errorf("the page lacks %.60q", must)
		}
	}
	if found := regexp.MustCompile(`(?i)\s(style|on\w+)="`).FindString(strings.ReplaceAll(page, script, "")); found != "" {
		t.Errorf("the policy forbids what the page has: %q", found)
	}
	charts, _ := headOf(t, page)["charts"].([]any)
	if len(charts) != 1 {
		t.Fatalf("%d charts, want 1", len(charts))
	}
	if diff := cmp.Diff([]any{1.2346, 2.0, 3.0}, charts[0].(map[string]any)["series"].([]any)[0].(map[string]any)["y"]); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestChartsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Chart){
		"x and y of different length": func(c *Chart) { c.Series[0].X = c.Series[0].X[:1] },
		"x does not ascend":           func(c *Chart) { c.Series[0].X = []float64{1, 3, 2} },
	} {
		d := everything()
		c := d.Sections[0].Blocks[5].(Chart)
		spoil(&c)
		d.Sections[0].Blocks[5] = c
		if err := d.Write(io.Discard); err == nil || !strings.Contains(err.Error(), "chart lines") {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := everything()
	d.Sections = append(d.Sections, d.Sections[0])
	if err := d.Write(io.Discard); err == nil || !strings.Contains(err.Error(), "two charts") {
		t.Errorf("two charts of one name: %v", err)
	}
}

func TestEqualDocumentsGiveEqualPages(t *testing.T) {
	once, again := written(t, everything()), written(t, everything())
	if once != again {
		t.Error("two pages of one document differ")
	}
}
