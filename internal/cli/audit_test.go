package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

// What is typed wrong is said in one line, before anybody is asked anything.
func TestAuditRefuses(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "kubeconfig")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--max-pods", "1"}, "--max-pods 1: a flow has two ends, give at least 2"},
		{[]string{"--max-probes", "0"}, "--max-probes 0: give at least 1"},
		{[]string{"--deadline", "0s"}, "--deadline must be above 0"},
		{[]string{"--hold", "-1s"}, "--hold not below"},
		{[]string{"-o", "yml"}, `unknown output format "yml"`},
		{[]string{"--out", "x"}, "--out is for results, and without --yes there are none"},
		{[]string{"--kubeconfig", nowhere}, "read kubeconfig"},
		{[]string{"--namespace", "x"}, "unknown flag --namespace: did you mean --namespaces?"},
		{[]string{"prod"}, "audit"},
	} {
		code, _, errs := run(t, append([]string{"audit"}, tc.args...)...)
		if code != exitBroken || !strings.Contains(errs, tc.want) || strings.Count(strings.TrimSpace(errs), "\n") != 0 {
			t.Errorf("%q: code %d: %s, want %q", tc.args, code, errs, tc.want)
		}
	}
}
