package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// generated are the manifests that are committed, by what makes them.
func generated() map[string][]string {
	all := map[string][]string{}
	for _, kind := range []string{"sonobuoy", "job"} {
		for _, e := range podExperiments() {
			all[filepath.Join("..", "..", "examples", kind, e.name+".yaml")] = []string{kind, "gen", e.name}
		}
	}
	return all
}

// What is committed is what netassay prints.
func TestExamplesAreCurrent(t *testing.T) {
	for file, args := range generated() {
		code, out, errs := run(t, args...)
		if code != exitPass {
			t.Fatalf("netassay %s: %s", strings.Join(args, " "), errs)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out); diff != "" {
			t.Errorf("%s (-committed +printed): netassay %s > %s\n%s", file, strings.Join(args, " "), file, diff)
		}
	}
}

// Flags of the experiment become its arguments, as they were given and in their order; those of
// the pod don't.
func TestGenHandsFlagsOn(t *testing.T) {
	code, out, errs := run(t, "sonobuoy", "gen", "conformance", "--feature", "EndPort", "--restricted", "--image", "probe=r/p:1",
		"--tolerate", "dedicated=net:NoSchedule", "--registry", "host:5000/copies", "--run-deadline", "2h", "--memory", "700Mi", "--image-pull-secret", "s",
		"--skip", "udp-*=a reason, with a comma")
	if code != exitPass {
		t.Fatal(errs)
	}
	for _, want := range []string{
		"  - conformance\n  - --feature=EndPort\n  - --restricted=true\n  - --image=probe=r/p:1\n  - --tolerate=dedicated=net:NoSchedule\n  - --registry=host:5000/copies\n  - --skip=udp-*=a reason, with a comma\n",
		"image: host:5000/copies/netassay:latest", "--deadline=2h0m0s", "memory: 700Mi", "imagePullSecrets:\n  - name: s\n",
		"  - effect: NoSchedule\n    key: dedicated\n    operator: Equal\n    value: net\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	// A pod that asks for more memory than it may have is refused.
	_, out, _ = run(t, "sonobuoy", "gen", "verify", "--memory", "100Mi")
	if got := strings.Count(out, "memory: 100Mi"); got != 2 {
		t.Errorf("--memory 100Mi is there %d times, want limit and request, in\n%s", got, out)
	}
	_, out, _ = run(t, "job", "gen", "verify", "--namespace", "mine", "--netassay-image", "r/n@sha256:00", "--fetch-within", "5m")
	for _, want := range []string{"namespace: mine", "name: mine", "image: r/n@sha256:00", "--stay=5m0s", "-n mine"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
