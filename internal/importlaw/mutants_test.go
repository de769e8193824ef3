package importlaw

import (
	"os/exec"
	"strings"
	"testing"
)

const mutants = module + "/enforcer/mutants"

// list is what go list says, a line each.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}

// The enforcers that are wrong on purpose are in no program but their own: not even with the
// tag that builds them, and without it they are no packages.
func TestNoProgramHasMutants(t *testing.T) {
	for _, path := range list(t, "-tags", "mutants", "-deps", module+"/cmd/...") {
		if strings.HasPrefix(path, mutants) {
			t.Errorf("a program of cmd has %s", path)
		}
	}
	for _, path := range list(t, module+"/...") {
		if strings.HasPrefix(path, mutants) {
			t.Errorf("without the tag mutants, %s is a package", path)
		}
	}
	importers := 0
	for _, line := range list(t, "-tags", "mutants", "-f", "{{$p := .ImportPath}}{{range .Imports}}{{$p}}={{.}} {{end}}", module+"/...") {
		by, path, _ := strings.Cut(line, "=")
		if path == mutants {
			importers++
		}
		if path == mutants && by != mutants+"/cmd" {
			t.Errorf("%s imports %s", by, path)
		}
	}
	if importers != 1 {
		t.Errorf("%d packages import mutants, want their own program: or this test tests nothing", importers)
	}
}
