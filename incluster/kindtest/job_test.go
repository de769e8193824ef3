package kindtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// job plays the cases in a plain Job, with the least rights, and fetches what it leaves.
func (w *world) job(t *testing.T) {
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	manifest, err := w.gen(t.Context(), "job", "job", caseFlags()...)
	if err != nil {
		t.Fatal(err)
	}
	w.must(t, kubectl, "apply", "-f", manifest)
	var archive string
	err = until(t.Context(), patience, "the Job's results", func(ctx context.Context) (string, error) {
		archive, err = w.command(ctx, kubectl, "exec", "-n", "netassay", "job/netassay-conformance", "-c", "watch", "--", "/netassay", "run-in-cluster", "results")
		return "", err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := open(bytes.NewReader([]byte(archive)))
	if err != nil {
		t.Fatal(err)
	}
	unfinished, judged, err := files.read()
	if err != nil || unfinished != "" || judged < len(cases) {
		t.Errorf("%d cases judged, %q, %v\n%s", judged, unfinished, err, files["log.txt"])
	}
	w.isWhole(t, files)
	w.must(t, kubectl, "wait", "-n", "netassay", "--for=condition=complete", "--timeout=2m", "job/netassay-conformance")
	w.must(t, kubectl, "delete", "-f", manifest)
}
