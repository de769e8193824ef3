package kindtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fault is a way to kill a run.
type fault struct {
	name string
	// strike does it; nil where the pod's own limits do.
	strike func(ctx context.Context, w *world, pod *corev1.Pod) error
	// shared is a strike that all runs of the cluster suffer.
	shared bool
	// flags are more of the definition's.
	flags func(r *rand.Rand) []string
}

const paused = 30 * time.Second

func faults() []fault {
	return []fault{
		{name: "SIGTERM, wrapper", strike: signalTo("TERM", "wrapper")},
		{name: "SIGKILL, experiment", strike: signalTo("KILL", "experiment")},
		{name: "SIGKILL, all below the wrapper", strike: signalTo("KILL", "below")},
		{name: "SIGKILL, wrapper and so its container", strike: signalTo("KILL", "wrapper")},
		{name: "pod deleted with grace", strike: deletePod},
		{name: "memory limit hit", flags: func(r *rand.Rand) []string { return []string{fmt.Sprintf("--memory=%dMi", 20+r.IntN(30))} }},
		{name: "API server paused 30 s", strike: pauseServer, shared: true, flags: func(r *rand.Rand) []string {
			return []string{fmt.Sprintf("--run-deadline=%ds", 50+r.IntN(30))} // which may be over in the pause
		}},
	}
}

// signalScript sends signal $2 to $3 of the pod with UID $1. The wrapper's process is the first of
// its container, and the kernel kills the others with it.
const signalScript = `set -eu
uid=$(echo "$1" | tr - _)
for dir in /proc/[0-9]*; do
	grep -qs -e "$1" -e "$uid" "$dir/cgroup" || continue
	case $(tr '\0' ' ' <"$dir/cmdline") in
	"/netassay run-in-cluster watch"*) ;;
	"/netassay run-in-cluster "*) wrapper=${dir#/proc/} ;;
	"/netassay conformance "*) experiment=${dir#/proc/} ;;
	esac
done
case $3 in
wrapper) kill "-$2" "$wrapper" ;;
experiment) kill "-$2" "$experiment" ;;
below) pkill "-$2" -P "$wrapper,$experiment" || kill "-$2" "$experiment" ;;
esac
`

// signalTo sends a signal as soon as there is somebody to send it to.
func signalTo(signal, whom string) func(context.Context, *world, *corev1.Pod) error {
	return func(ctx context.Context, _ *world, pod *corev1.Pod) error {
		return until(ctx, patience, whom+" to signal", func(ctx context.Context) (string, error) {
			return "", onNode(ctx, pod.Spec.NodeName, signalScript, string(pod.UID), signal, whom)
		})
	}
}

// deletePod deletes the pod as kubectl does.
func deletePod(ctx context.Context, w *world, pod *corev1.Pod) error {
	return w.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{})
}

// pauseServer stops the API server's process for a while.
func pauseServer(ctx context.Context, w *world, _ *corev1.Pod) (err error) {
	plane := w.cluster.Name() + "-control-plane"
	if err := onNode(ctx, plane, "pkill -STOP -x kube-apiserver"); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, onNode(context.WithoutCancel(ctx), plane, "pkill -CONT -x kube-apiserver"))
	}()
	return pause(ctx, paused)
}

// onNode runs a script by the shell of a node.
func onNode(ctx context.Context, node, script string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", append([]string{"exec", "-i", node, "sh", "-s", "--"}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("on node %s: %w: %s", node, err, end(said.String()))
	}
	return nil
}
