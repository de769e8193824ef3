package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var goldenResults = filepath.Join("..", "..", "reports", "testdata")

func TestReportValidate(t *testing.T) {
	whole, older := filepath.Join(goldenResults, "conformance-3e81ff0"), filepath.Join(goldenResults, "chaos-057bd36")
	incomplete := filepath.Join(goldenResults, "scale-057bd36")
	cut := filepath.Join(t.TempDir(), "cut")
	if err := os.CopyFS(cut, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(cut, "records.jsonl"), 4000); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
		want []string // of what is printed
	}{
		{[]string{whole}, exitPass, []string{"conformance  records  whole  fail     case 2, cell 18, conformance-run 1, verdict 1\n"}},
		{[]string{whole, older}, exitPass, []string{"chaos        lists    whole  fail     fault 2, finding 1\n", older + ": this layout has no conditions and counts by backend: told to people alone, in report.txt\n"}},
		{[]string{incomplete}, exitFail, []string{"incomplete", incomplete + ": report.txt missing: take the whole directory\n"}},
		{[]string{cut}, exitFail, []string{"damaged", "cell 8", cut + "/records.jsonl:11: unexpected EOF: the file was cut off or edited, take the whole one\n", cut + "/summary.json: is of a run that came to its end"}},
		{[]string{whole, "none"}, exitBroken, []string{"read results: open none: no such file or directory"}},
		{nil, exitBroken, []string{"give result directories: netassay report validate DIR [DIR...]"}},
		{[]string{whole, "-o", "jsn"}, exitBroken, []string{`unknown output format "jsn": did you mean json?`}},
	} {
		code, out, errs := run(t, append([]string{"report", "validate"}, tc.args...)...)
		if code != tc.code {
			t.Errorf("%v: exit code %d, want %d\n%s%s", tc.args, code, tc.code, out, errs)
		}
		for _, want := range tc.want {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%v: no %q in\n%s%s", tc.args, want, out, errs)
			}
		}
	}
	_, out, _ := run(t, "report", "validate", cut, "-o", "json")
	var got []validated
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 || got[0].State != stateDamaged || got[0].Records["cell"] != 8 || got[0].Troubles[0].Line != 11 {
		t.Errorf("error %v, %+v", err, got)
	}
}
