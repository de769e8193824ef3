package cli

import (
	"strings"
	"testing"
)

// On a cluster that was there before, flags about engines that a run starts, and about hollow
// pods, have no effect: they are refused, before anything is looked for.
func TestScaleOnExistingRefusesWhatItCantDo(t *testing.T) {
	for _, flag := range []string{"--engine=reference", "--nodes=5", "--local-pods=5", "--cycles=2", "--hollow=kwok", "--bounds=smoke", "--late=1ms"} {
		name, _, _ := strings.Cut(flag, "=")
		code, _, errs := run(t, "scale", "--provider", "existing", flag)
		if code != exitBroken || !strings.Contains(errs, name+" is not for --provider existing") {
			t.Errorf("%s: exit code %d, %s", flag, code, errs)
		}
	}
	if code, _, errs := run(t, "scale", "--dry-run"); code != exitBroken || !strings.Contains(errs, "--dry-run is for --provider existing") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if code, _, errs := run(t, "scale", "--provider", "existing", "--cidrs", "5"); code != exitBroken || !strings.Contains(errs, "--cidrs 5: give 10 to") {
		t.Errorf("exit code %d, %s", code, errs)
	}
}

// A pod reads the engine's cost only when it is asked to: the right for it is a great one.
func TestGenScaleAsksForTheKubeletOnRequest(t *testing.T) {
	const right = "resources: [nodes/proxy]"
	code, out, errs := run(t, "job", "gen", "scale", "--pods", "30", "--samples=20")
	if code != exitPass || strings.Contains(out, right) || !strings.Contains(out, "  - scale\n        - --pods=30\n        - --samples=20\n") {
		t.Errorf("exit code %d %s in\n%s", code, errs, out)
	}
	if code, out, errs = run(t, "job", "gen", "scale", "--agent-cost"); code != exitPass || !strings.Contains(out, right) {
		t.Errorf("exit code %d %s: no %s in\n%s", code, errs, right, out)
	}
	if code, _, errs = run(t, "job", "gen", "scale", "--nodes", "3"); code != exitBroken || !strings.Contains(errs, "--nodes is not for") {
		t.Errorf("exit code %d %s", code, errs)
	}
}
