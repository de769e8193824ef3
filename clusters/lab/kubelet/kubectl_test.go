package kubelet_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters/lab/kubelet"
)

// transports are the two protocols that kubectl can speak for streams.
func transports() map[string][]string {
	return map[string][]string{
		"WebSockets": {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true", "KUBECTL_PORT_FORWARD_WEBSOCKETS=true"},
		"SPDY":       {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false", "KUBECTL_PORT_FORWARD_WEBSOCKETS=false"},
	}
}

func (c *cluster) testKubectlLogs(t *testing.T, ns string) {
	c.create(t, ns, shell("talker", "echo hi; for i in 1 2 3 4; do echo line $i; done; sleep 100"))
	c.await(t, ns, "talker", ready)
	cmd := c.kubectlCommand(t, "logs", "-n", ns, "-f", "talker")
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for _, want := range []string{"hi", "line 1", "line 2", "line 3", "line 4"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("followed %q, want %q", lines.Text(), want)
		}
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait()
	tail, err := c.kubectl(t, "", "logs", "-n", ns, "--tail=2", "--timestamps", "talker")
	check(t, err)
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+Z line 3\n\S+Z line 4\n$`).MatchString(tail) {
		t.Errorf("tail with timestamps %q", tail)
	}
}

func (c *cluster) testKubectlExec(t *testing.T, ns string) {
	c.create(t, ns, shell("target", "sleep 100"))
	c.await(t, ns, "target", ready)
	for name, env := range transports() {
		cmd := c.kubectlCommand(t, "exec", "-i", "-n", ns, "target", "--", "sh", "-c", "cat; echo no >&2; exit 4")
		cmd.Env = append(cmd.Env, env...)
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("some text"), &out, &errs
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 4 {
			t.Errorf("%s: error %v, want exit code 4", name, err)
		}
		if out.String() != "some text" || !strings.HasPrefix(errs.String(), "no\n") {
			t.Errorf("%s: out %q, err %q", name, out.String(), errs.String())
		}
		// Without -i, standard input is empty, not silent.
		cmd = c.kubectlCommand(t, "exec", "-n", ns, "target", "--", "cat")
		cmd.Env = append(cmd.Env, env...)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: cat of nothing: %q, %v", name, out, err)
		}
	}
}

func (c *cluster) testKubectlTerminal(t *testing.T, ns string) {
	c.create(t, ns, shell("target", "sleep 100"))
	c.await(t, ns, "target", ready)
	for name, env := range transports() {
		cmd := c.kubectlCommand(t, "exec", "-it", "-n", ns, "target", "--", "true")
		cmd.Env = append(cmd.Env, env...)
		terminal, err := pty.Start(cmd)
		check(t, err)
		// A terminal ends with an error when its last user is gone.
		out, _ := io.ReadAll(terminal)
		if err := cmd.Wait(); err == nil || !strings.Contains(string(out), "no terminals: leave out --tty") {
			t.Errorf("%s: error %v, output %q, want a refusal", name, err, out)
		}
		terminal.Close()
	}
}

func (c *cluster) testKubectlPortForward(t *testing.T, ns string) {
	pod := server("web", "node2")
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr("http")}},
	}
	c.create(t, ns, pod)
	c.await(t, ns, "web", ready)
	for name, env := range transports() {
		cmd := c.kubectlCommand(t, "port-forward", "-n", ns, "pod/web", ":8080")
		cmd.Env = append(cmd.Env, env...)
		cmd.Stderr = testWriter{t}
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		match := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
		if match == "" {
			t.Fatalf("%s: port-forward said %q, %v", name, line, err)
		}
		for range 3 {
			if body, err := get(&http.Client{Timeout: 10 * time.Second}, "http://"+match+"/hostname"); body != "web" {
				t.Errorf("%s: answer %q, %v", name, body, err)
			}
		}
		check(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
}

func get(client *http.Client, url string) (string, error) {
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// testHTTPS: the port answers those with a certificate of the lab's authority only.
func (c *cluster) testHTTPS(t *testing.T, _ string) {
	node := c.nodes["node1"]
	for _, ip := range node.IPs() {
		url := "https://" + net.JoinHostPort(ip.String(), "10250") + "/healthz"
		config, err := rest.TLSConfigFor(c.rest)
		check(t, err)
		transport := &http.Transport{TLSClientConfig: config}
		if body, err := get(&http.Client{Transport: transport}, url); body != "ok" {
			t.Errorf("%s: %q, %v", url, body, err)
		}
		stranger := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: config.RootCAs}}
		if body, err := get(&http.Client{Transport: stranger}, url); err == nil {
			t.Errorf("%s without a certificate: %q, want refusal", url, body)
		}
	}
	if kubelet.Port != 10250 {
		t.Errorf("port %d", kubelet.Port)
	}
}
