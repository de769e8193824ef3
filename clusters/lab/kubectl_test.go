package lab_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const kubectlPod = `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: agnhost
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=8080]
`

// TestKubectlFromTheHost uses a lab as its users do: kubectl outside, through the door.
func TestKubectlFromTheHost(t *testing.T) {
	labs := labsIn(t)
	binary := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	if _, err := os.Stat(binary); err != nil {
		t.Skip("no kubectl in KUBEBUILDER_ASSETS")
	}
	s := up(t, labs, "kubectl")
	kubectl := func(stdin string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"--kubeconfig", s.Kubeconfig}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	must := func(want, stdin string, args ...string) {
		t.Helper()
		got, err := kubectl(stdin, args...)
		if err != nil || !strings.Contains(got, want) {
			t.Fatalf("kubectl %v: got %q, error %v, want %q", args, got, err, want)
		}
	}
	must("pod/web created", kubectlPod, "create", "-f", "-")
	must("condition met", "", "wait", "--for=condition=Ready", "--timeout=60s", "pod/web")
	must("node1", "", "get", "pods", "-A", "-o", "wide")
	must("Started HTTP server", "", "logs", "web")
	must("hello from outside", "hello from outside", "exec", "-i", "web", "--", "cat")
	must("10.244.1.", "", "exec", "web", "--", "ip", "addr")
	if out, err := kubectl("", "exec", "web", "--", "sh", "-c", "exit 3"); exitCode(err) != 3 {
		t.Errorf("kubectl exec: got %v %s, want exit 3", err, out)
	}
	t.Run("port-forward", func(t *testing.T) { testPortForward(t, binary, s.Kubeconfig) })
	must("deleted", "", "delete", "pod", "web")
	if err := labs.Down(t.Context(), "kubectl"); err != nil {
		t.Error(err)
	}
}

func testPortForward(t *testing.T, kubectl, kubeconfig string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), kubectl, "--kubeconfig", kubeconfig, "port-forward", "pod/web", ":8080")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	var port int
	if _, scan := fmt.Sscanf(line, "Forwarding from 127.0.0.1:%d", &port); scan != nil {
		t.Fatalf("got %q, %v", line, err)
	}
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/hostname", port))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %s", resp.Status)
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
